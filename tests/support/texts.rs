//! Texts that try to be more than text: for terminals, pages, tables and other programs. Names, values and
//! reasons can be any of them.

/// A line that hobbit itself would print; some of the texts try to.
pub(crate) const FORGED: &str = "State     finished 1 s ago, after 2 s";

#[rustfmt::skip]
pub(crate) const TEXTS: [&str; 106] = [
    // escape sequences: colours, cursor, screen, title, clipboard, links, replies, character sets, resets
    "\u{1b}[31mred\u{1b}[0m", "\u{1b}[8mconcealed", "\u{1b}[2J\u{1b}[H", "\u{1b}[1A\u{1b}[2K", "\u{1b}[1000D", "\u{1b}[?1049h",
    "\u{1b}[?25l", "\u{1b}[6n", "\u{1b}[c", "\u{1b}[21t", "\u{1b}]0;title\u{7}", "\u{1b}]52;c;ZXZpbA==\u{7}", "\u{1b}]8;;http://evil\u{1b}\\x",
    "\u{1b}P+q544e\u{1b}\\", "\u{1b}_payload\u{1b}\\", "\u{1b}^private\u{1b}\\", "\u{1b}Xstring\u{1b}\\", "\u{1b}(0lqqk", "\u{1b}c", "\u{1b}#8",
    "\u{1b}7\u{1b}8", "\u{1b}[", "\u{1b}", "\u{1b}[38;5;1", "\u{1b}[;;;m", "\u{1b}[1;31", "x\u{1b}[mx\u{1b}[1", "\u{1b}[3\u{1b}[31mm",
    // one byte control sequences of 8 bits
    "\u{9b}31mred", "\u{9b}2J", "\u{9d}0;title\u{9c}", "\u{90}q\u{9c}", "\u{84}\u{85}\u{8d}", "\u{80}\u{9f}", "\u{98}\u{9e}\u{9f}",
    // other control characters
    "\u{7}", "a\u{8}\u{8}b", "\r", "over\rwritten", "\r\n", "\n", "\n\n\n", "\t", "a\tb", "\u{b}\u{c}", "\u{e}\u{f}", "\u{0}", "nul\u{0}nul",
    "\u{7f}\u{7f}", "\u{1}\u{2}\u{3}", "\u{1a}", "\u{4}", "\u{18}\u{1a}", "\u{1c}\u{1d}\u{1e}\u{1f}",
    // lines that hobbit could have printed
    "x\nState     finished 1 s ago, after 2 s", "x\r\nState     finished 1 s ago, after 2 s", "\nState     finished 1 s ago, after 2 s\n",
    "x\u{2028}State     finished 1 s ago, after 2 s", "x\u{85}State     finished 1 s ago, after 2 s",
    "x\u{b}State     finished 1 s ago, after 2 s", "x\nerror: nothing\nWeights: /tmp/evil", "x\nDone in 3 s\nResults: /tmp/evil",
    "\n$ sudo rm -rf /\n", "x\n\nBest      val_loss 0, trial 9-9",
    // the direction of writing, and what cannot be seen
    "\u{202e}gpj.exe", "\u{202a}\u{202b}\u{202c}\u{202d}", "\u{2066}\u{2067}\u{2068}\u{2069}", "\u{200e}\u{200f}\u{61c}", "a\u{200b}b\u{feff}c",
    "\u{2060}\u{2061}\u{206f}", "so\u{ad}ft", "\u{e0041}\u{e0042}", "\u{fff9}\u{fffa}\u{fffb}", "\u{fffe}\u{ffff}", "\u{2028}\u{2029}",
    // markup
    "<script>ran = 1</script>", "</script><script>ran = 1</script>", "<img src=x onerror='ran = 1'>", "\"><svg onload=\"ran = 1\">",
    "</title></style></table>", "<!--", "-->", "<![CDATA[", "]]>", "&lt;b&gt; &amp; &#x3c;", "' onmouseover='ran = 1", "javascript:ran = 1",
    "{{ 7 * 7 }}", "{% raw %}", "${ran = 1}", "$x_1^2$", "`ran`",
    // quotes, separators and numbers of tables and other formats
    "\"", "\"\"", "a,b;c\td", "\"quoted\", 'twice'", "a\\nb\\", "\\u{1b}[31m", "(name:\"x\")", "{\"a\": 1}", "NaN", "-1e999", "=1+1",
    // odd but harmless
    " ", "漢字 Größe 🎲 e\u{301}", "👩\u{200d}🔬",
];

/// The characters that are obeyed by terminals, change the direction of writing, or are invisible; line
/// breaks are not among them.
pub(crate) fn hidden(text: &str) -> Option<char> {
    text.chars().find(|&c| {
        let is_format = matches!(u32::from(c), 0xad | 0x61c | 0x200b | 0x200e | 0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0xfeff)
            || matches!(u32::from(c), 0xfff9..=0xfffb | 0xfffe | 0xffff | 0xe0000..=0xe007f);
        c != '\n' && (c.is_control() || is_format)
    })
}
