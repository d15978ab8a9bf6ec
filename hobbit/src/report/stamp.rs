//! What the parts of a server's page were made of, for the script that renews those that have changed.

/// The page, with what each of its parts was made of as `data-made` of its element: its script looks there
/// for what has changed.
pub(super) fn stamped(page: &str) -> String {
    let mut stamped = String::with_capacity(page.len() + 1024);
    let mut rest = page;
    // texts of others are escaped, so that what looks like an element is one of ours; the header is before
    // all
    for tag in ["header", "section"] {
        while let Some(at) = rest.find(&format!("<{tag} id=")) {
            let (before, part) = rest.split_at(at);
            let end = part.find(&format!("</{tag}>")).unwrap_or(part.len());
            let (part, after) = part.split_at(end);
            let (start, inside) = part.split_at(1 + tag.len());
            let made = crc32fast::hash(part.as_bytes());
            stamped += &format!("{before}{start} data-made=\"{made:08x}\"{inside}");
            rest = after;
        }
    }
    stamped + rest
}
