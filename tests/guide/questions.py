"""Questions as people ask them, each with the sections that answer it (page, heading).

Written before the search was tuned, in words that are not the headings'.
"""

from __future__ import annotations

Section = tuple[str, str]

QUESTIONS: tuple[tuple[str, tuple[Section, ...]], ...] = (
    # providers and keys
    ("how do I use Ollama", (("providers", "Ollama"),)),
    ("where does my OpenAI key go", (("providers", "OpenAI"), ("providers", "API keys"))),
    ("can I talk to a llama.cpp server", (("providers", "Any compatible server"),)),
    ("I run vLLM on another port, what do I type", (("providers", "Any compatible server"),)),
    ("does this work with LM Studio?", (("providers", "Any compatible server"),)),
    ("ollama is on another computer in my network", (("providers", "Ollama"),)),
    ("how can I read the token from my password store", (("providers", "API keys"),)),
    ("add my company's own endpoint under a short name", (("providers", "A service of your own"),)),
    ("my server has a self-signed certificate", (("providers", "Plain http and certificates"),)),
    ("we sit behind a corporate proxy", (("providers", "Proxies"),)),
    # models
    ("how do I change to a different model", (("models", "Choosing a model"),)),
    ("can I switch models in the middle of a chat", (("models", "Switching in a conversation"),)),
    ("the one I want is missing from the list", (("models", "A model that is not listed"),)),
    ("set the temperature to 0", (("models", "Request parameters"),)),
    ("how to make the context window larger with num_ctx", (("models", "Settings of Ollama"),)),
    ("keep the model in memory for longer", (("models", "Settings of Ollama"),)),
    # chatting
    ("which key stops a reply", (("chat", "Stopping a reply"), ("keys", "Keys for the reply"))),
    ("how can I abort an answer while it is being written", (("chat", "Stopping a reply"),)),
    ("is the partial text lost when I cancel?", (("chat", "What is kept after a stop"),)),
    ("can I type the next message while it still answers", (("chat", "Sending while a reply streams"),)),
    ("take back a queued message", (("chat", "Sending while a reply streams"),)),
    ("ask the same thing again for another answer", (("chat", "Asking again"),)),
    ("I made a typo in my last message, how do I fix it", (("chat", "Changing the last prompt"),)),
    ("hide the model's reasoning", (("chat", "Thinking"),)),
    ("what do the words connecting and loading mean", (("chat", "While you wait"),)),
    # writing
    ("how do I insert a line break without sending", (("prompt", "Several lines"),)),
    ("I want Enter to start a new line instead", (("prompt", "Several lines"), ("configuration", "Interface"))),
    ("get back something I typed earlier", (("prompt", "Earlier prompts"),)),
    ("write the message in vim", (("prompt", "An editor of your own"),)),
    # keys and commands
    ("can I rebind the shortcuts", (("keys", "Changing keys"),)),
    ("how do I leave the program", (("keys", "Keys for everything else"), ("keys", "Leaving"))),
    ("what can I type after a slash", (("commands", "Slash commands"),)),
    ("the view does not move along with new text any more", (("keys", "Scrolling"),)),
    # conversations
    ("start over with an empty chat", (("conversations", "A new conversation"),)),
    ("pick up yesterday's chat again", (("conversations", "Going back to a conversation"),)),
    ("give this conversation another title", (("conversations", "Titles"),)),
    ("I removed a chat by mistake, can I undo it", (("conversations", "Deleting and undoing"),)),
    ("my laptop died in the middle of a reply", (("conversations", "After a crash"),)),
    ("chat without anything being stored on disk", (("conversations", "Not saving"),)),
    # attachments, system prompt
    ("send a picture along with the question", (("attachments", "Attaching a file"),)),
    ("what kinds of documents does it take", (("attachments", "What can be attached"),)),
    ("make it always answer in German", (("system", "The system prompt"),)),
    # figures
    ("what is TTFT", (("figures", "TTFT"),)),
    ("what does the tilde in front of a number mean", (("figures", "Tokens per second"),)),
    ("how fast is my model", (("figures", "Tokens per second"),)),
    ("hide the panel on the right", (("figures", "The sidebar"),)),
    ("what is the difference between warm and cold", (("figures", "What Ollama reports"),)),
    # configuration, themes
    ("where is the config file", (("configuration", "The settings file"),)),
    ("how can I check that my settings are valid", (("configuration", "Commands for settings"),)),
    ("wait longer before giving up on a slow server", (("configuration", "Network"),)),
    ("which environment variables are read", (("configuration", "Environment variables"),)),
    ("I need a light background", (("themes", "Choosing a theme"),)),
    # command line, copying
    ("use it in a shell script with a pipe", (("commandline", "Pipes and scripts"),)),
    ("what does exit status 3 mean", (("commandline", "Exit codes"),)),
    ("put the code block on the clipboard", (("copying", "Copying a reply"),)),
    ("save the chat as a markdown document", (("copying", "Exporting"),)),
    # privacy, trouble, guide
    ("does anything get sent to you, like telemetry", (("privacy", "What leaves this machine"),)),
    ("ctrl+b does nothing inside tmux", (("trouble", "Ctrl+B in tmux"),)),
    ("it says it could not connect to the server", (("trouble", "Connection refused"),)),
    ("are you an AI?", (("guide", "What the guide is"),)),
)
