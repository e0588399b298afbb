"""The conversations of `tests.providers.conversations`, said in the words of the official clients.

Written by the clients' own documentation and not by chatterm's adapters. Each module has `SDK` (the name of the
package), `new_client` (one that sends to a given transport), `CALLS` (by the name of the conversation) and
`complaints` (what the client's own types have against a body). The clients are no requirement of chatterm:
`import_module` keeps them out of what the tests need.
"""
