"""What the commands of LaTeX's maths mode stand for, as far as the library's tables do not say it as we need it."""

from __future__ import annotations

from typing import Literal

Kind = Literal["ord", "op", "bin", "rel", "open", "close", "punct", "frac", "space"]
"""What a symbol is to its neighbours; decides about the spaces between them."""

SYMBOLS = {
    **{"iff": "⟺", "implies": "⟹", "impliedby": "⟸", "ne": "≠", "coloneqq": ":=", "gets": "←", "land": "∧"},
    **{
        "lor": "∨",
        "neg": "¬",
        "lnot": "¬",
        "models": "⊨",
        "vDash": "⊨",
        "Re": "Re",
        "Im": "Im",
        "triangle": "△",
    },
    **{"checkmark": "✓", "degree": "°", "cdotp": "·", "colon": ":", "imath": "ı", "jmath": "ȷ", "bot": "⊥"},
    **{
        "leadsto": "⇝",
        "prime": "′",
        "circ": "∘",
        "top": "⊤",
        "|": "‖",
        "{": "{",
        "}": "}",
        "%": "%",
        "$": "$",
    },
    **{"#": "#", "_": "_", "&": "&", "lVert": "‖", "rVert": "‖", "Vert": "‖", "lvert": "|", "rvert": "|"},
    **{"vert": "|", "langle": "⟨", "rangle": "⟩", "lbrace": "{", "rbrace": "}", "lbrack": "["},
    **{"rbrack": "]", "epsilon": "ε", "varepsilon": "ε", "phi": "φ", "varphi": "φ", "ast": "*", "star": "⋆"},
    **{"ldots": "…", "dots": "…", "dotsc": "…", "dotsb": "⋯", "cdots": "⋯", "square": "□", "Box": "□"},
    **{"qed": "∎", "blacksquare": "■", "colonequals": ":=", "lt": "<", "gt": ">", "And": "&", "hdots": "…"},
    **{"to": "→", "le": "≤", "ge": "≥", "leqslant": "⩽", "geqslant": "⩾", "middot": "·", "backslash": "\\"},
    **{"R": "ℝ", "N": "ℕ", "Z": "ℤ", "Q": "ℚ", "C": "ℂ", "perp": "⊥", "setminus": "∖", "slash": "/"},
}

FUNCTIONS = frozenset(
    (
        "sin",
        "cos",
        "tan",
        "cot",
        "sec",
        "csc",
        "arcsin",
        "arccos",
        "arctan",
        "sinh",
        "cosh",
        "tanh",
        "coth",
        "log",
        "ln",
        "lg",
        "exp",
        "lim",
        "limsup",
        "liminf",
        "max",
        "min",
        "sup",
        "inf",
        "arg",
        "argmax",
        "argmin",
        "det",
        "dim",
        "ker",
        "deg",
        "gcd",
        "lcm",
        "hom",
        "Pr",
        "tr",
        "rank",
        "diag",
        "sgn",
        "sign",
        "var",
        "Var",
        "Cov",
    )
)

OPERATORS = "∑∏∐∫∬∭∮⋃⋂⋁⋀⨁⨂⨀⨄⨆"
BINARY = "+−-±∓×÷·∗*∘•∪∩∖∧∨⊕⊖⊗⊘⊙⊎⊓⊔⋆⋅△▽†‡≀⋄"
RELATIONS = "=<>:≠≤≥≪≫≈≡≃≅∼∝≺≻⪯⪰≼≽⊂⊃⊆⊇⊊⊋⊏⊐⊑⊒∈∉∋→←↔⇒⇐⇔⟹⟸⟺⟶⟵⟷↦⟼↪↩⇀⇌⇝↝⊢⊨⊩⊣∣∥⊥≐≜≔≕⩽⩾≲≳≮≯≰≱⊄⊈↑↓⊊∤∦⟂⋈≍"
OPENING, CLOSING = "([{⟨⌊⌈⟦", ")]}⟩⌋⌉⟧"
PUNCTUATION = ",;"

_RAISED = (
    "0⁰1¹2²3³4⁴5⁵6⁶7⁷8⁸9⁹+⁺−⁻-⁻=⁼(⁽)⁾aᵃbᵇcᶜdᵈeᵉfᶠgᵍhʰiⁱjʲkᵏlˡmᵐnⁿoᵒpᵖrʳsˢtᵗuᵘvᵛ"
    "wʷxˣyʸzᶻAᴬBᴮDᴰEᴱGᴳHᴴIᴵJᴶKᴷLᴸMᴹNᴺOᴼPᴾRᴿTᵀUᵁVⱽWᵂαᵅβᵝγᵞδᵟεᵋθᶿιᶥφᵠχᵡ′′″″⊤ᵀ∘°,,"
)
SUPERSCRIPTS = {_RAISED[at]: _RAISED[at + 1] for at in range(0, len(_RAISED), 2)}
_LOWERED = "0₀1₁2₂3₃4₄5₅6₆7₇8₈9₉+₊−₋-₋=₌(₍)₎aₐeₑhₕiᵢjⱼkₖlₗmₘnₙoₒpₚrᵣsₛtₜuᵤvᵥxₓβᵦγᵧρᵨφᵩχᵪ,,"
SUBSCRIPTS = {_LOWERED[at]: _LOWERED[at + 1] for at in range(0, len(_LOWERED), 2)}
AS_THEY_ARE = ("*", "†", "‡", "′", "″", "‴", "°")
"""What stands beside a symbol rather than above it."""

OVER_EQUALS = {"def": "≝", "?": "≟", "△": "≜", "∧": "≙"}
"""What an equals sign becomes with this above it."""

ROOTS = {"": "√", "2": "√", "3": "∛", "4": "∜"}

STYLES = {
    **{"mathbb": "doublestruck", "mathbf": "bold", "mathcal": "script", "mathscr": "script"},
    **{"mathfrak": "fraktur", "boldsymbol": "bold", "bm": "bold", "Bbb": "doublestruck", "pmb": "bold"},
}
TEXTS = frozenset(
    ("text", "textrm", "textbf", "textit", "texttt", "textsf", "textnormal", "textup", "mbox", "hbox", "emph")
)
PLAIN = frozenset(
    (
        "mathrm",
        "mathsf",
        "mathit",
        "mathtt",
        "mathnormal",
        "boxed",
        "fbox",
        "underbrace",
        "overbrace",
        "mathop",
        "mathrel",
        "mathbin",
        "mathord",
        "mathstrut",
        "smash",
        "ensuremath",
        "displaylimits",
    )
)
"""Commands that show what they are given."""

ACCENTS = {
    **{"hat": "\u0302", "widehat": "\u0302", "bar": "\u0304", "vec": "\u20d7", "dot": "\u0307"},
    **{"ddot": "\u0308", "tilde": "\u0303", "widetilde": "\u0303", "check": "\u030c", "breve": "\u0306"},
    **{
        "acute": "\u0301",
        "grave": "\u0300",
        "mathring": "\u030a",
        "dddot": "\u20db",
        "overrightarrow": "\u20d7",
    },
}
LINES = {"overline": "\u0305", "underline": "\u0332"}
"""Marks on all characters."""

SPACES = {
    **{",": " ", ";": " ", ":": " ", " ": " ", ">": " ", "enspace": " ", "thinspace": " ", "quad": "  "},
    **{"qquad": "    ", "!": "", "enskip": " ", "medspace": " ", "thickspace": " ", "/": "", "~": " "},
}
NOTHING = {
    **{
        name: 0
        for name in (
            "displaystyle",
            "textstyle",
            "scriptstyle",
            "scriptscriptstyle",
            "limits",
            "nolimits",
            "nonumber",
            "notag",
            "hline",
            "bigl",
            "bigr",
            "big",
            "Big",
            "Bigl",
            "Bigr",
            "bigg",
            "Bigg",
            "biggl",
            "biggr",
            "Biggl",
            "Biggr",
            "bigm",
            "Bigm",
            "biggm",
            "rm",
            "bf",
            "it",
            "mathclose",
            "mathopen",
            "mathpunct",
            "allowbreak",
            "noindent",
            "centering",
            "relax",
        )
    },
    **{
        name: 1
        for name in (
            "label",
            "phantom",
            "hphantom",
            "vphantom",
            "hspace",
            "vspace",
            "color",
            "cline",
            "mspace",
            "hskip",
        )
    },
}
"""Commands that show nothing, and how many arguments they take with them."""

DROPS_FIRST = frozenset(("textcolor", "colorbox", "class", "htmlClass", "raisebox"))

SIDES: dict[str, Kind] = {"left": "open", "right": "close", "middle": "ord"}

LONG_ARROWS = {
    "xrightarrow": "→",
    "xleftarrow": "←",
    "xRightarrow": "⇒",
    "xLeftarrow": "⇐",
    "xleftrightarrow": "↔",
}

FENCES: dict[str, tuple[str, str]] = {
    **{"matrix": ("", ""), "smallmatrix": ("", ""), "array": ("", ""), "pmatrix": ("(", ")")},
    **{"bmatrix": ("[", "]"), "vmatrix": ("|", "|"), "Vmatrix": ("‖", "‖"), "Bmatrix": ("{", "}")},
    **{"cases": ("{", ""), "dcases": ("{", ""), "rcases": ("", "}"), "subarray": ("", "")},
}
"""Environments of rows and columns, and what is around them."""

ALIGNED = frozenset(
    (
        "aligned",
        "align",
        "align*",
        "alignat",
        "alignat*",
        "alignedat",
        "split",
        "eqnarray",
        "eqnarray*",
        "flalign",
        "flalign*",
    )
)
STACKED = frozenset(
    ("gather", "gather*", "gathered", "multline", "multline*", "equation", "equation*", "displaymath", "math")
)
WITH_ARGUMENT = frozenset(("array", "alignat", "alignat*", "alignedat", "subarray"))

BRACKETS = {
    **{"(": "⎛⎜⎜⎝", ")": "⎞⎟⎟⎠", "[": "⎡⎢⎢⎣", "]": "⎤⎥⎥⎦", "{": "⎧⎪⎨⎩", "}": "⎫⎪⎬⎭"},
}
"""A tall bracket: its top, what goes on, the middle, its end."""
