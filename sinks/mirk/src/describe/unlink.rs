//! Clients make links of whatever looks like one. In what an event says nobody shall be led
//! anywhere: such words become code, in which clients leave them alone.

/// Wraps the words of an HTML text that clients would make links of. Tags, and what stands inside
/// links and code, stay as they are.
pub(crate) fn unlink(html: &str) -> String {
    let mut out = String::with_capacity(html.len() + 32);
    let mut rest = html;
    // How many elements are open in which words are left alone.
    let mut quiet = 0_usize;
    while !rest.is_empty() {
        if rest.starts_with('<') {
            let end = rest.find('>').map_or(rest.len(), |at| at + 1);
            let (tag, after) = rest.split_at(end);
            quiet = after_tag(quiet, tag);
            out.push_str(tag);
            rest = after;
        } else {
            let (text, after) = rest.split_at(rest.find('<').unwrap_or(rest.len()));
            if quiet > 0 {
                out.push_str(text);
            } else {
                push_words(&mut out, text);
            }
            rest = after;
        }
    }
    out
}

fn after_tag(quiet: usize, tag: &str) -> usize {
    let name = tag.trim_start_matches(['<', '/']);
    let name = name.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
    if !matches!(name, "a" | "code" | "pre") {
        return quiet;
    }
    if tag.starts_with("</") { quiet.saturating_sub(1) } else { quiet + 1 }
}

fn push_words(out: &mut String, text: &str) {
    for word in text.split_inclusive(char::is_whitespace) {
        let bare = word.trim_end();
        if is_link_like(bare) {
            out.push_str("<code>");
            out.push_str(bare);
            out.push_str("</code>");
            out.push_str(&word[bare.len()..]);
        } else {
            out.push_str(word);
        }
    }
}

/// Addresses of pages, mail, people and rooms.
fn is_link_like(word: &str) -> bool {
    word.contains("://")
        || word.contains('@')
        || word.contains("www.")
        || word.contains("matrix:")
        || word.contains("mailto:")
        // Character references have a # that is none.
        || word.replace("&#", "&").split(['#', '!']).skip(1).any(|name| name.contains(':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_clients_would_make_links_of_becomes_code() {
        for (html, wanted) in [
            ("see https://evil.example/ now", "see <code>https://evil.example/</code> now"),
            ("<b>ftp://x</b>", "<b><code>ftp://x</code></b>"),
            ("by Ada &lt;ada@example.org&gt;", "by Ada <code>&lt;ada@example.org&gt;</code>"),
            ("@room x", "<code>@room</code> x"),
            ("#room:example.org", "<code>#room:example.org</code>"),
            ("matrix:u/ada", "<code>matrix:u/ada</code>"),
            ("(#room:x.org)", "<code>(#room:x.org)</code>"),
            ("matrix.to/#/!room:x.org", "<code>matrix.to/#/!room:x.org</code>"),
        ] {
            assert_eq!(unlink(html), wanted);
        }
    }

    #[test]
    fn everything_else_stays_as_it_is() {
        for html in [
            "",
            "hello 1:2.10-5 in <em>landing</em>: a, b",
            "<code>https://x</code> <a href=\"https://y\">https://z</a>",
            "a &lt; b #1 !",
            "couldn&#x27;t: no, can&#39;t: #1 !important",
            "<pre>a@b</pre>",
        ] {
            assert_eq!(unlink(html), html);
        }
        assert_eq!(unlink("<b"), "<b");
    }
}
