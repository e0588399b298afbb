"""The manual says what the program does: every command, key, setting and service in it exists, none is missing."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from pathlib import Path

import pytest
from typer.main import get_command

from chatterm.backend.guide.answers import FIRST_STEPS, REAL_MODEL
from chatterm.backend.guide.manual_pages import FIRST_TOPIC, Page, find_page, flowing, parse_page, read_pages
from chatterm.backend.providers.catalog import CATALOG
from chatterm.cli.app import build_app
from chatterm.cli.statuses import ExitStatus
from chatterm.config.load import VARIABLES, check_tree
from chatterm.config.model import (
    BudgetSettings,
    CacheSettings,
    GuideSettings,
    InterfaceSettings,
    McpServerSettings,
    ModelSettings,
    NetworkSettings,
    OtelSettings,
    ProviderSettings,
    RoutingRule,
    RoutingSettings,
    Settings,
    TargetSettings,
    ToolSettings,
)
from chatterm.tui.commands import COMMANDS
from chatterm.tui.key_names import normal_key

PAGES = read_pages()
WIDEST = 76
"""What fits a terminal of 80 columns beside the indent and the scroll bar."""
LONGEST_SECTION_LINES = 30

CODE = re.compile(r"`([^`\n]+)`")
COMBINATION = re.compile(r"(?:Ctrl|Alt|Shift)\+\S+|F\d+|Pg(?:Up|Dn)|Home|End|Enter|Esc")
OTHER_KEYS = {
    "ctrl+m": "cannot be told from Enter",
    "ctrl+i": "cannot be told from Tab",
    "ctrl+h": "cannot be told from Backspace",
    "ctrl+a": "GNU screen's prefix",
}


def page(topic: str) -> Page:
    return next(each for each in PAGES if each.topic == topic)


def section(topic: str, heading: str) -> str:
    return next(each.text for each in page(topic).sections if each.heading == heading)


def prose(text: str) -> str:
    """The text without its code blocks."""
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def rows(text: str) -> dict[str, str]:
    """The tables of a text: the row by the first code span in it."""
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    return {CODE.findall(line)[0]: line for line in lines}


def test_the_first_page_is_the_first_and_every_page_is_whole() -> None:
    assert PAGES[0].topic == FIRST_TOPIC
    assert len({each.topic for each in PAGES}) == len(PAGES) >= 15
    for each in PAGES:
        assert each.title and each.sections and each.summary.endswith("."), each.topic
        assert all(
            item.text and len(item.text.splitlines()) <= LONGEST_SECTION_LINES for item in each.sections
        )
        assert each.text.count("\n```") % 2 == 0


def test_headings_are_unique_so_that_asking_by_name_finds_one() -> None:
    headings = [item.heading.casefold() for each in PAGES for item in each.sections]
    assert sorted(set(headings)) == sorted(headings)


@pytest.mark.parametrize("each", PAGES, ids=lambda each: each.topic)
def test_lines_fit_the_narrow_terminal_and_code_spans_are_closed(each: Page) -> None:
    in_code = False
    for line in each.text.splitlines():
        in_code ^= line.startswith("```")
        assert len(line) <= WIDEST or not (in_code or line.startswith("|")), line
        assert line.startswith("```") or line.count("`") % 2 == 0, line


def test_paragraphs_flow_and_all_else_keeps_its_lines() -> None:
    text = "# A\none\ntwo\n\n- item\n  more\n- next\n\n| a |\n|---|\n\n```sh\nx\ny\n```\nend"
    assert flowing(text) == "# A\none two\n\n- item more\n- next\n\n| a |\n|---|\n\n```sh\nx\ny\n```\nend"


def test_a_page_is_split_at_its_headings_and_not_inside_code() -> None:
    parsed = parse_page(
        "x", "# Title\n\nWhat it is.\n\n## One\n\n```sh\n# a comment\n## another\n```\n\n## Two\n\nb\n"
    )
    assert (parsed.title, parsed.summary) == ("Title", "What it is.")
    assert [(item.heading, item.text) for item in parsed.sections] == [
        ("One", "```sh\n# a comment\n## another\n```"),
        ("Two", "b"),
    ]


def test_pages_are_found_by_topic_title_and_heading() -> None:
    assert find_page(PAGES, " Keys ") is page("keys")
    assert find_page(PAGES, "providers and keys") is page("providers")
    assert find_page(PAGES, "stopping a reply") is page("replies")
    assert find_page(PAGES, "no such page") is None


def test_the_sections_that_the_guide_quotes_by_name_exist() -> None:
    assert section(*FIRST_STEPS) and section(*REAL_MODEL)


# ---- commands and keys -----------------------------------------------------------------------------


def test_every_slash_command_has_a_row_with_its_argument_and_no_row_is_invented() -> None:
    headings = (
        "Slash commands",
        "Slash commands about requests and replies",
        "Slash commands about who answers, and tools",
    )
    table = "\n".join(section("commands", heading) for heading in headings)
    spans = [
        span
        for line in table.splitlines()
        if line.startswith("| `")
        for span in CODE.findall(line.split("|")[1])
    ]
    documented = {span.split()[0] for span in spans}
    assert documented | {"/regenerate"} == {word for command in COMMANDS for word in command.slash}
    assert "/regenerate" in table
    for command in COMMANDS:
        if command.slash and command.argument and command.id != "conversations":
            assert f"{command.slash[0]} {command.argument}" in spans


def test_every_slash_command_named_anywhere_exists() -> None:
    known = {word for command in COMMANDS for word in command.slash}
    for each in PAGES:
        for span in CODE.findall(prose(each.text)):
            if re.match(r"/[a-z-]+(?: |$)|:q$", span):
                assert span.split()[0] in known, (each.topic, span)


def test_every_key_named_anywhere_exists() -> None:
    known = {key for command in COMMANDS for key in command.keys}
    inside_the_list = {"ctrl+z", "delete"}
    for each in PAGES:
        for span in CODE.findall(prose(each.text)):
            if COMBINATION.fullmatch(span):
                try:
                    key = normal_key(span)
                except ValueError:  # Ctrl+M and the like, which no command may use
                    key = span.lower()
                assert key in known | set(OTHER_KEYS) | inside_the_list, (each.topic, span)


def test_every_key_of_the_table_is_on_the_page_of_keys() -> None:
    written: set[str] = set()
    for span in CODE.findall(page("keys").text):
        is_key = COMBINATION.fullmatch(span) or re.fullmatch(r"Up|Down|Space|Delete|[A-Za-z]", span)
        if is_key and span.lower() not in OTHER_KEYS:
            written.add(normal_key(span))
    assert {key for command in COMMANDS for key in command.keys} <= written


def test_ids_in_the_example_of_rebinding_exist() -> None:
    example = tomllib.loads(section("keys", "Changing keys").split("```toml\n")[1].split("```")[0])
    assert set(example["keys"]) <= {command.id for command in COMMANDS}


# ---- command line ----------------------------------------------------------------------------------


def test_every_option_of_the_program_is_documented() -> None:
    documented = set(re.findall(r"--?[a-z][a-z-]*", section("commandline", "Options of chatterm")))
    command = get_command(build_app())
    offered = {name for parameter in command.params for name in parameter.opts}
    assert documented - {"--help"} == offered - {"-V"}


def test_every_exit_status_is_documented() -> None:
    codes = re.findall(r"^\| (\d+) +\|", section("commandline", "Exit codes"), re.MULTILINE)
    assert [int(code) for code in codes] == [status.value for status in ExitStatus]


# ---- settings --------------------------------------------------------------------------------------

SECTIONS: dict[str, type] = {
    "General settings": Settings,
    "Settings of the interface": InterfaceSettings,
    "Settings of the network": NetworkSettings,
    "Settings of the guide": GuideSettings,
    "Settings of the cache": CacheSettings,
    "Settings of the budget": BudgetSettings,
    "Settings of OpenTelemetry": OtelSettings,
    "Settings of targets": TargetSettings,
    "Settings of the routing": RoutingSettings,
    "Settings of a routing rule": RoutingRule,
    "Settings of tools": ToolSettings,
    "Settings of an MCP server": McpServerSettings,
    "Settings of a provider": ProviderSettings,
    "Settings of one model": ModelSettings,
}


def is_section(field: dataclasses.Field[object]) -> bool:
    return field.default is dataclasses.MISSING and field.name in (
        "interface",
        "network",
        "guide",
        "cache",
        "budget",
        "otel",
        "targets",
        "routing",
        "tools",
        "mcp",
        "providers",
        "keys",
        "aliases",
        "models",
    )


@pytest.mark.parametrize("heading", SECTIONS)
def test_every_setting_is_documented_with_its_default(heading: str) -> None:
    fields = {field.name: field for field in dataclasses.fields(SECTIONS[heading]) if not is_section(field)}
    table = rows(section("configuration", heading))
    assert set(table) == set(fields)
    if SECTIONS[heading] in (RoutingRule, ProviderSettings, ModelSettings, McpServerSettings):
        return  # nothing is set there unless the user does
    for name, field in fields.items():
        last = table[name].rstrip("| ").rpartition("|")[2].strip()
        told = None if last == "none" else tomllib.loads(f"x = {last.strip('`')}")["x"]
        default = None if field.default is dataclasses.MISSING else field.default
        assert (tuple(told) if isinstance(told, list) else told) == default, name


def test_every_environment_variable_that_is_a_setting_is_documented() -> None:
    assert set(VARIABLES) <= set(CODE.findall(section("configuration", "Environment variables")))


def test_every_example_of_settings_loads() -> None:
    blocks = [block for each in PAGES for block in re.findall(r"```toml\n(.*?)```", each.text, re.DOTALL)]
    assert len(blocks) >= 10
    for block in blocks:
        assert check_tree(tomllib.loads(block), Path("config.toml")).problems == (), block


def test_services_have_the_keys_and_addresses_of_the_catalogue() -> None:
    hosted = {name: CODE.findall(line) for name, line in _plain_rows(section("providers", "Hosted services"))}
    local = {
        name: CODE.findall(line) for name, line in _plain_rows(section("providers", "Any compatible server"))
    }
    for service in CATALOG:
        if service.needs_key:
            assert hosted.pop(service.name) == [service.key_env[0]]
        elif service.base_url:
            assert [service.base_url] in local.values() and f"| {service.name} " in page("providers").text
    assert not hosted


def _plain_rows(text: str) -> list[tuple[str, str]]:
    return [
        (line.split("|")[1].strip(), line)
        for line in text.splitlines()
        if line.startswith("| ") and "`" in line
    ]
