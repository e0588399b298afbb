"""Servers that speak the Model Context Protocol: started with consent, bounded, their tools as ours."""
