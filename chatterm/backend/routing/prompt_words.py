"""What a prompt is about, as far as its words tell: recent events, code. Guesses, by lists of words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True, slots=True)
class _Language:
    """Words of one language, as alternatives: of this day, of late, for what changes, and for who writes."""

    now: str
    late: str
    live: str
    writer: str
    spaced: bool = True

    def has(self, words: str, text: str) -> bool:
        return _has(rf"\b(?:{words})\b" if self.spaced else words, text)

    def asks_for_news(self, sentence: str, is_question: bool) -> bool:
        """Whether the sentence asks about this day, or has a word of time with one for what changes.

        One word alone tells nothing: "today" is in every other letter, and "news" in every essay on newspapers.
        """
        if self.has(self.writer, sentence):
            return False
        is_now = self.has(self.now, sentence)
        return (is_now and is_question) or (
            (is_now or self.has(self.late, sentence)) and self.has(self.live, sentence)
        )


_LANGUAGES = (
    _Language(
        r"today|tonight|yesterday|tomorrow|last night|right now|at the moment|as of now"
        r"|this (?:week|weekend|month|morning|evening|afternoon)",
        r"now|currently|current|latest|newest|recent|recently|breaking|upcoming|these days|this year"
        r"|next (?=(?:\w+ )?(?:launch|election|match|game))",
        r"news|headlines?|events?|developments?|weather|forecast|prices?|stocks?|shares|exchange rate|inflation"
        r"|euro|dollar|bitcoin|election\w*|polls?|president|prime minister|chancellor|ceo|version|release[sd]?"
        r"|strikes?|war|launch\w*|cinemas?|matches|match|game|won|score|happen(?:s|ed|ing)|going on|earthquake"
        r"|flights?|traffic",
        r"i|my|mine|we|our",
    ),
    _Language(
        r"heute|gestern|morgen|gerade|zurzeit|letzte nacht|diese[sn]? (?:woche|wochenende|monat)",
        r"heutige\w*|aktuell\w*|neueste\w*|jüngste\w*|derzeit\w*|jetzt|dieses jahr",
        r"nachrichten|neuigkeiten|neues|schlagzeilen|ereignisse|wetter|preise?|kurse?|börse|aktien?|wahl(?:en)?"
        r"|kanzler\w*|präsident\w*|ministerpräsident\w*|version|streik|krieg|spiel|gewonnen|passiert",
        r"ich|mich|mir|mein\w*|wir|unser\w*",
    ),
    _Language(
        r"aujourd.hui|hier|demain|ce soir|en ce moment|cette semaine|ce week-end",
        r"actuel\w*|derni[eè]re?s?|récent\w*|maintenant",
        r"nouvelles|actualités|infos|titres|événements|météo|prix|cours|bourse|élections?|président\w*"
        r"|premier ministre|version|grève|guerre|match|gagné|passé",
        r"je|j.\w+|moi|mon|ma|mes|nous|notre",
    ),
    _Language(
        r"hoy|ayer|mañana|anoche|ahora mismo|est[ea] (?:semana|fin de semana)",
        r"actual(?:es)?|últim[oa]s?|recientes?|ahora",
        r"noticias|titulares|acontecimientos|tiempo|clima|precios?|bolsa|elecciones|president[ea]|ministr[oa]"
        r"|versión|huelga|guerra|partido|ganó|pasó|pasa|ocurrió",
        r"yo|mi|mis|nosotros|nuestr[oa]s?",
    ),
    _Language(
        r"oggi|ieri|domani|stasera|adesso|questa settimana",
        r"attual[ei]|ultim[eoia]|recenti?",
        r"notizie|titoli|eventi|meteo|tempo|prezz[oi]|borsa|elezioni|presidente|ministro|versione|sciopero"
        r"|guerra|partita|vinto|successo",
        r"io|mio|mia|noi|nostr[oa]",
    ),
    _Language(
        r"hoje|ontem|amanhã|agora|esta semana",
        r"atual|atuais|últim[oa]s?|recentes?",
        r"notícias|manchetes|eventos|tempo|preços?|bolsa|eleições|presidente|ministro|versão|greve|guerra|jogo"
        r"|ganhou|aconteceu",
        r"eu|meu|minha|nós|nosso",
    ),
    _Language(
        r"сегодня|вчера|завтра|сейчас|на этой неделе",
        r"последн\w+|свеж\w+|текущ\w+|недавн\w+|сегодняшн\w+",
        r"новост\w*|событи\w*|погод\w*|цен[аыу]?|курс\w*|выбор\w*|президент\w*|министр\w*|верси\w*|войн\w*"
        r"|матч\w*|выиграл\w*|произошло|случилось",
        r"я|мой|моя|мне|мы|наш\w*",
    ),
    _Language(
        "今天|今日|昨天|明天|现在",
        "最新|最近|目前|当前",
        "新闻|消息|天气|价格|股票|股市|汇率|选举|比赛|赢|总统|总理|版本|发生",
        "我",
        spaced=False,
    ),
    _Language(
        "今日|昨日|明日|今週",
        "最新|最近|現在",
        "ニュース|天気|価格|株価|選挙|試合|勝|大統領|首相|バージョン|出来事|情報",
        "私|僕",
        spaced=False,
    ),
    _Language(
        "오늘|어제|내일",
        "최신|최근|현재",
        "뉴스|소식|날씨|가격|주가|선거|경기|대통령|총리|버전",
        "나는|저는|우리",
        spaced=False,
    ),
)

_UPDATES = (
    r"^\W*(?:(?:any|the|what.s the|what are the) )?(?:latest|updates?|news)\b.{0,20} (?:on|about|from|in)\b"
    r"|\bwhat.?s new\b"
)
_QUESTION = (
    r"[?？]\s*$|^\W*(?:what|who|when|where|which|how|is|are|was|were|did|does|do|has|have|will|any|was|wer|wie|wann)\b"
    r"|[吗呢か]\s*$"
)
_REQUEST = r"\b(?:(?:tell|give|show|send|get) me|i (?:want|need|would like)|i.d like|can you|erzähl mir|dis-moi|dime)\b"

# Text that is to be made or changed: what it is about is no question.
_WRITING = (
    r"^\W*(?:please )?(?:write|compose|draft|invent|imagine|schreibe?|verfasse|écri[st]|écrivez|rédige|escrib[ea]"
    r"|scrivi|escreva|напиши\w*)\b(?!.*\b(?:summary|overview|report|briefing|zusammenfassung|résumé|resumen)\b)"
    r"|^\W*(?:translate|rewrite|rephrase|reword|paraphrase|proofread|correct|übersetze?|korrigiere|traduis"
    r"|traduisez|traduce|traduzca|traduci|traduza|переведи\w*|翻译|翻訳)\b"
    r"|\b(?:poem|haiku|novel|fairy tale|lyrics|essay|sonnet|screenplay|gedicht\w*|roman|poème|poema|poesia|стих\w*)\b"
    r"|诗|故事|小説"
)
_GIVEN_TEXT = (
    r"^([^:\n]{0,80}\b(?:this|following|diese[nrs]?|folgende[nrs]?|ce|cette|este|esta|quest[oa])\b"
    r"[^:\n]{0,40}):"
)
_QUOTED = r"(?<!\w)['\"‘“«„`][^'\"’”»“`\n]{1,200}['\"’”»“`](?!\w)"
_OLD_TIMES = r"\b1\d{3}s?\b|\b1\dth century|\b(?:until|up to|than|than it is|compared (?:to|with)) today\b"
_CURRENTS = r"\b(?:ohms?|amperes?|amps|volts?|voltage|multimeter|resistors?|circuits?|alternating|direct|ocean|river)\b"

_FEW_SENTENCES = 6
"""In a longer text only the first and the last sentence are taken for what is asked."""


@cache
def _compiled(pattern: str, flags: int = 0) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE | flags)


def _has(pattern: str, text: str) -> bool:
    return _compiled(pattern).search(text) is not None


def is_recent(text: str) -> bool:
    """Whether the text seems to ask for what happened lately, or changes from day to day."""
    if _has(_WRITING, text):
        return False
    if given := _compiled(_GIVEN_TEXT).match(text):
        text = given.group(1)
    text = _compiled(_REQUEST).sub(" ", _compiled(_QUOTED).sub(" ", text))
    sentences = [part for part in re.split(r"(?<=[.?!])\s+|\n+|(?<=[。？！])", text) if part.strip()]
    if len(sentences) > _FEW_SENTENCES:
        sentences = [sentences[0], sentences[-1]]
    return any(_asks_for_news(sentence) for sentence in sentences)


def _asks_for_news(sentence: str) -> bool:
    if _has(_OLD_TIMES, sentence):
        return False
    if _has(_CURRENTS, sentence):
        sentence = _compiled(r"\bcurrents?\b").sub("", sentence)
    if _has(_UPDATES, sentence):
        return True
    is_question = _has(_QUESTION, sentence)
    return any(language.asks_for_news(sentence, is_question) for language in _LANGUAGES)


_CODE = (
    r"^\s*```"
    r"|^\s*(?:def|fn|func|function|class|struct|interface|impl)\s+\w+.*[({:]\s*"
    r"|^\s*(?:import \w+$|from [\w.]+ import\b|#include\s*[<\"]|using \w+;|package \w+;?$)"
    r"|^\s*(?:const|let|var|public|private|static|int|float|double|char|void)\s+\w+.*[;{=]\s*"
    r"|^\s+\w+ = \S|^\w+ = [\[{(\"']|^\s*print\("
    r"|\bselect\b[^;]{1,200}\bfrom\b\s+\w+ (?:where|group|order|join|limit)\b|\b(?:insert into|create table)\b"
    r"|Traceback \(most recent call last\)|^\s+at [\w.$]+\(.*\)$|^npm ERR!|(?-i:\b[A-Z]\w+(?:Error|Exception)\b)"
    r"|^\s*\$ \w+|\bfor \w+ in .{1,80}; ?do\b|[;{}]\s*$|\)\s*=>|</\w+>|\w\(.{0,80}\);"
    r"|\b(?:segfault|segmentation fault|stack ?trace|syntax error|null pointer)\b"
)
_LANGUAGE = (
    r"(?<![\w+#])(?:python|javascript|typescript|rust|golang|c\+\+|c#|java|kotlin|swift|bash|sql|html|css|ruby|php"
    r"|haskell|scala|perl|lua|pandas|numpy|react|django|regex(?:es)?|regular expression|dockerfile|makefile)(?![\w+#])"
)
_LANGUAGE_UNSPACED = r"python|javascript|java|rust|sql|c\+\+"
_MAKES = (
    r"\b(?:write|implement|create|make|build|code|program|refactor|debug|fix|convert|optimi[sz]e|port|test|review"
    r"|explain|example|error|how (?:do|can|to)|why (?:is|does|are|do)"
    r"|schreibe?|implementiere|programmiere|erstelle|erkläre|écri[st]|écrivez|crée|explique|escrib[ea]|crea"
    r"|implementa|explica|scrivi|spiega|escreva|напиши\w*|реализуй\w*|объясни\w*)\b|写|書|작성"
)
_PIECE = (
    r"\b(?:regex(?:es)?|unit tests?|(?:shell|bash|python) script|sql query|(?:this|the) (?:script|function|code)"
    r"|source code)\b"
)
_PROSE = r"\b(?:poem|haiku|novel|essay|story|letter|song|speech|history of|gedicht|brief|poème|lettre|poema|carta)\b"


def has_code(text: str) -> bool:
    """Whether there seems to be code in the text, or it asks for some."""
    if _compiled(_CODE, re.MULTILINE).search(text):
        return True
    if _has(_PROSE, text) or not _has(_MAKES, text):
        return False
    is_unspaced = re.search("[\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af]", text) is not None
    return _has(_LANGUAGE, text) or _has(_PIECE, text) or (is_unspaced and _has(_LANGUAGE_UNSPACED, text))
