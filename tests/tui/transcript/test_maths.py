from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatterm.core.clean import is_clean
from chatterm.tui.transcript.maths import LONGEST, to_unicode
from tests.cpu_time import in_proportion

FORMULAS = {
    # letters, signs and the spaces between them
    r"\alpha_i^2+\beta": "αᵢ² + β",
    r"E=mc^2": "E = mc²",
    r"-x + -1": "−x + −1",
    r"a\le b \neq c \notin D": "a ≤ b ≠ c ∉ D",
    r"a \not= b \not\subset c": "a ≠ b ⊄ c",
    r"A \subseteq B \cup C \Rightarrow x \in A": "A ⊆ B ∪ C ⇒ x ∈ A",
    r"\forall \epsilon > 0 \,\exists \delta": "∀ε > 0 ∃δ",
    r"p \land \lnot q \iff r": "p ∧ ¬q ⟺ r",
    r"f: X \to Y,\ x \mapsto x^2": "f : X → Y, x ↦ x²",
    r"\{1, 2, \ldots, n\}": "{1, 2, …, n}",
    r"3.14 \times 10^{-8}\ \text{m/s}": "3.14 × 10⁻⁸ m/s",
    r"a \cdots b \dots c": "a⋯b…c",
    r"x \text{ if } y > 0": "x if y > 0",
    # above and below
    r"x_{i,j} x_{ij} W_Q": "xᵢ,ⱼxᵢⱼW_Q",
    r"e^{-x}": "e⁻ˣ",
    r"e^{i\pi} + 1 = 0": "e^(iπ) + 1 = 0",
    r"e^{x \log n}": "e^(x log n)",
    r"x^{a_b}": "x^(a_b)",
    r"x_{\max}": "xₘₐₓ",
    r"A^T A^\top 90^\circ A^*": "AᵀAᵀ90°A*",
    r"f'(x) = f''(x)": "f′(x) = f″(x)",
    r"{}^{14}C": "¹⁴C",
    r"(a+b)^2": "(a + b)²",
    r"{a+b}^2": "(a + b)²",
    # fractions and roots
    r"\frac{a}{b}": "a/b",
    r"\frac12": "1/2",
    r"\frac{a+b}{c}": "(a + b)/c",
    r"\frac{1}{2a}": "1/(2a)",
    r"\frac{\frac{a}{b}}{c}": "(a/b)/c",
    r"\frac{1}{2}x": "1/2 x",
    r"\left(\frac{a}{b}\right)^2": "(a/b)²",
    r"\frac{\partial f}{\partial x}": "∂f/∂x",
    r"\frac{d^2 y}{dx^2}": "d²y/dx²",
    r"\frac{n!}{k!(n-k)!}": "n!/(k!(n − k)!)",
    r"P(A \mid B) = \frac{P(B \mid A)P(A)}{P(B)}": "P(A | B) = (P(B | A)P(A))/P(B)",
    r"x = \frac{-b \pm \sqrt{b^2-4ac}}{2a}": "x = (−b ± √(b² − 4ac))/(2a)",
    r"\sqrt{x} \sqrt{xy} \sqrt[3]{x} \sqrt[n]{x}": "√x√(xy)∛xⁿ√x",
    # operators
    r"\sum_{i=1}^{n} x_i": "∑ᵢ₌₁ⁿ xᵢ",
    r"\prod_{k=1}^n k": "∏ₖ₌₁ⁿ k",
    r"\int_0^\infty e^{-x^2}\,dx": "∫₀^∞ e^(−x²) dx",
    r"\lim_{x\to 0} \frac{\sin x}{x}": "lim_(x→0) (sin x)/x",
    r"O(n \log n)": "O(n log n)",
    r"2\sin\theta\cos(x)": "2 sin θ cos(x)",
    r"\operatorname*{argmax}_{\theta} L(\theta)": "argmax_θ L(θ)",
    r"a \equiv b \pmod{n}": "a ≡ b (mod n)",
    # marks and alphabets
    r"\hat{x} \bar y \vec{v} \dot{x} \tilde n": "x̂ȳv⃗ẋñ",
    r"\hat{x_i} \widehat{AB} \overline{AB}": "x̂ᵢhat(AB)A̅B̅",
    r"\mathbb{R}^n \to \mathcal{L}": "ℝⁿ → ℒ",
    r"\mathbf{E} \mathfrak{g} \mathrm{d}x": "𝐄𝔤dx",
    r"\left\| x \right\|_2 \lVert y \rVert |z|": "‖x‖₂‖y‖|z|",
    r"\lfloor x \rfloor \langle u, v \rangle": "⌊x⌋⟨u, v⟩",
    r"\xrightarrow{f} \overset{?}{=} \overset{\text{def}}{=}": "─f─→≟≝",
    r"\underbrace{a+b}_{=c}": "(a + b)_(=c)",
    r"\color{red} x \textcolor{blue}{y} \label{z}": "xy",
    # what has rows, in one line
    r"\binom{n}{k}": "C(n, k)",
    r"\begin{pmatrix}a & b\\ c & d\end{pmatrix}^T": "(a b; c d)ᵀ",
    r"\begin{cases}1 & x>0\\0 & \text{else}\end{cases}": "{1, x > 0; 0, else}",
    r"\begin{aligned}a&=b\\&=c\end{aligned}": "a = b; = c",
}


@pytest.mark.parametrize("latex", FORMULAS)
def test_a_formula_in_one_line(latex: str) -> None:
    assert to_unicode(latex) == FORMULAS[latex]


DISPLAYS = {
    r"A = \begin{pmatrix}a & b\\ c & d\end{pmatrix}^T x": "A = ⎛ a  b ⎞ᵀ x\n    ⎝ c  d ⎠",
    r"\begin{bmatrix}1 & 20\\4&5\\7&8\end{bmatrix} = 0": "⎡ 1  20 ⎤\n⎢ 4  5  ⎥ = 0\n⎣ 7  8  ⎦",
    r"\begin{vmatrix}a & b\\c & d\end{vmatrix}": "| a  b |\n| c  d |",
    r"f(x)=\begin{cases}1 & \text{if } x>0\\0\end{cases}": "f(x) = ⎧ 1  if x > 0\n       ⎩ 0",
    r"\begin{cases}1\\2\\3\end{cases}": "⎧ 1\n⎨ 2\n⎩ 3",
    r"\left( \begin{matrix}1&2\\3&4\end{matrix} \right)": "⎛ 1  2 ⎞\n⎝ 3  4 ⎠",
    r"\begin{aligned}a+b&=c\\d&=e+f\end{aligned}": "a + b = c\n    d = e + f",
    r"\begin{align*} x &= 1 \\[2pt] y &= 2 \end{align*}": "x = 1\ny = 2",
    r"\begin{array}{cc}1&2\\3&4\end{array}": "1  2\n3  4",
    r"a = b \\ c = d": "a = b\nc = d",
    r"\binom{n}{k} = \frac{n!}{k!}": "⎛ n ⎞ = n!/k!\n⎝ k ⎠",
    r"x^2": "x²",
}


@pytest.mark.parametrize("latex", DISPLAYS)
def test_a_formula_for_itself(latex: str) -> None:
    assert to_unicode(latex, display=True) == DISPLAYS[latex]


@pytest.mark.parametrize(
    "latex",
    ["", " ", r"\unknown{x}", r"\ce{H2O}", "{", "}", r"\frac", r"\frac{a}", "x^", r"\begin{pmatrix}a", r"\left",
     r"\begin{tikzpicture}x\end{tikzpicture}", "x" * (LONGEST + 1), "{" * 50 + "}" * 50],
)  # fmt: skip
def test_what_is_not_understood_is_left_to_its_source(latex: str) -> None:
    assert to_unicode(latex) is None


ATOMS = [
    *"abc123+-=<>()[]{}|^_'&,.~% \n",
    *(
        f"\\{name} "
        for name in [
            "alpha",
            "frac",
            "sqrt",
            "left",
            "right",
            "sum",
            "int",
            "lim",
            "hat",
            "overline",
            "text",
            "mathbb",
            "binom",
            "not",
            "begin",
            "end",
            "operatorname",
            "substack",
            "xrightarrow",
            "overset",
            "tag",
            "color",
            "pmod",
            "label",
            "big",
            "\\",
            ",",
            "{",
            "}",
            "|",
            "foo",
        ]
    ),
    "\\begin{pmatrix}",
    "\\end{pmatrix}",
    "\\begin{cases}",
    "\\end{cases}",
    "{a}",
    "\\frac{a}{b}",
    "$",
    "漢",
    "\\[",
]


@given(st.lists(st.sampled_from(ATOMS), max_size=25).map("".join), st.booleans())
def test_whatever_is_written_is_shown_clean_or_not_at_all(latex: str, display: bool) -> None:
    text = to_unicode(latex, display=display)
    if text is not None:
        assert is_clean(text) and text.strip()
        assert display or "\n" not in text


HOSTILE = [
    "{",
    "}",
    "x^",
    "x_",
    "\\frac",
    "\\sqrt",
    "\\sqrt[",
    "\\hat",
    "\\left(",
    "\\begin{pmatrix}",
    "&",
    "\\\\",
    "$",
    "\\not",
    "'",
    "x",
    "\\alpha",
    "{x}",
    "\\frac{a}",
    "\\overline{",
    "\\text{",
    "\\substack",
    "(",
    "\\begin{",
    "%",
    "\\left(\\begin{matrix}1\\end{matrix}",
    "\\begin{cases}1\\\\2\\end{cases}",
    "1",
    "x^y_z'",
    "\\big",
]


@pytest.mark.parametrize("unit", ["\\(", "\\[", "$", "$$", "$$ $", "\\($", "\\[ \\(", "{$"])
@pytest.mark.parametrize("ends", ["", "\\)", "\\]", "$"])
def test_formulas_in_formulas_are_shown_as_they_are(unit: str, ends: str) -> None:
    assert to_unicode(unit * (LONGEST // len(unit) - 2) + ends) is None


@pytest.mark.parametrize("unit", HOSTILE)
def test_hostile_formulas_take_time_in_proportion(unit: str) -> None:
    def converted(size: int) -> None:
        to_unicode.cache_clear()
        to_unicode((unit * size)[:size], display=True)

    assert in_proportion(lambda: converted(LONGEST // 4), lambda: converted(LONGEST)) is None


def test_the_library_is_imported_on_use() -> None:
    code = "import sys, chatterm.tui.transcript.maths; print('pylatexenc' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
