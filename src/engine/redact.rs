//! Takes out of a text what is nobody else's business, the same thing always becoming the same word.

use std::collections::BTreeMap;
use std::net::IpAddr;

/// Folders of ours below the home folder: their names tell nothing.
const OUR_FOLDERS: [&str; 4] = [
    "~/.local/share/orangery",
    "~/.config/orangery",
    "~/.local/state/orangery",
    "~/.cache/orangery",
];

/// What is known to be private.
#[derive(Clone, Debug, Default)]
pub struct Secrets {
    /// The home folder, without a slash at its end.
    pub home: Option<String>,
    pub user: Option<String>,
    pub host: Option<String>,
    /// The library's folder, if it is not below the home folder.
    pub library: Option<String>,
    /// Machines by name.
    pub machines: Vec<String>,
    /// Serial numbers, tags and the like, with the word that takes their place.
    pub words: Vec<(String, &'static str)>,
}

impl Secrets {
    /// `text` without them.
    pub fn redact(&self, text: &str) -> String {
        let mut text = text.to_owned();
        if let Some(library) = &self.library {
            text = text.replace(library.as_str(), "LIBRARY");
        }
        if let Some(home) = self.home.as_deref().filter(|home| home.len() > 1) {
            text = replace_folder(&text, home, "~");
        }
        text = hide_paths(&text);
        for (secret, word) in self.replacements() {
            text = replace_word(&text, &secret, &word);
        }
        hide_numbers(&text)
    }

    /// Longer ones first: a name may be part of another.
    fn replacements(&self) -> Vec<(String, String)> {
        let mut all: Vec<(String, String)> = Vec::new();
        let mut machines: Vec<&String> = self.machines.iter().collect();
        machines.sort();
        machines.dedup();
        for (number, name) in machines.into_iter().enumerate() {
            all.push((name.clone(), format!("machine-{}", number + 1)));
        }
        for (number, (secret, word)) in self.words.iter().enumerate() {
            all.push((secret.clone(), format!("{word}-{}", number + 1)));
        }
        // These two are in every log of such a computer, and mean nobody.
        if let Some(user) = self.user.clone().filter(|user| user != "root") {
            all.push((user, "user".to_owned()));
        }
        if let Some(host) = self.host.clone().filter(|host| host != "localhost") {
            all.push((host, "host".to_owned()));
        }
        all.retain(|(secret, _)| !secret.trim().is_empty());
        all.sort_by_key(|(secret, _)| std::cmp::Reverse(secret.len()));
        all
    }
}

/// Replaces a folder where it is one: `/home/ada` is not the beginning of `/home/adam`.
fn replace_folder(text: &str, folder: &str, word: &str) -> String {
    replace_where(text, folder, word, |_, after| {
        !after.is_some_and(|c| c.is_alphanumeric() || c == '-' || c == '_')
    })
}

/// Replaces whole words only.
fn replace_word(text: &str, secret: &str, word: &str) -> String {
    replace_where(text, secret, word, |before, after| {
        let inside = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        !inside(before) && !inside(after)
    })
}

fn replace_where(
    text: &str,
    old: &str,
    new: &str,
    fits: impl Fn(Option<char>, Option<char>) -> bool,
) -> String {
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for (at, found) in text.match_indices(old) {
        let end = at + found.len();
        if fits(text[..at].chars().next_back(), text[end..].chars().next()) {
            out.push_str(&text[from..at]);
            out.push_str(new);
            from = end;
        }
    }
    out.push_str(&text[from..]);
    out
}

/// Paths below the home folder keep only what kind of file they are: `~/path-1.iso`.
fn hide_paths(text: &str) -> String {
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("~/") {
        let quote = match rest[..at].chars().next_back() {
            Some('"') => Some('"'),
            Some('“') => Some('”'),
            Some('\'') => Some('\''),
            _ => None,
        };
        let path = &rest[at..];
        let end = path.find(|c: char| match quote {
            Some(quote) => c == quote || c == '\n',
            None => c.is_whitespace() || ",;:)\"'”".contains(c),
        });
        let path = &path[..end.unwrap_or(path.len())];
        out.push_str(&rest[..at]);
        if OUR_FOLDERS.iter().any(|ours| path.starts_with(ours)) {
            out.push_str(path);
        } else {
            let next = known.len() + 1;
            let number = *known.entry(path.to_owned()).or_insert(next);
            out.push_str(&format!("~/path-{number}{}", extension(path)));
        }
        rest = &rest[at + path.len()..];
    }
    out.push_str(rest);
    out
}

fn extension(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or_default();
    match name.rsplit_once('.') {
        Some((_, ext)) if ext.len() <= 6 && ext.chars().all(|c| c.is_ascii_alphanumeric()) => {
            format!(".{ext}")
        }
        _ => String::new(),
    }
}

/// Hardware addresses, internet addresses and ids, wherever they stand.
fn hide_numbers(text: &str) -> String {
    let mut known: BTreeMap<(&str, String), usize> = BTreeMap::new();
    let mut out = String::with_capacity(text.len());
    let is_part = |c: char| c.is_ascii_alphanumeric() || ":.-".contains(c);
    let mut rest = text;
    while let Some(start) = rest.find(is_part) {
        out.push_str(&rest[..start]);
        let token = &rest[start..];
        let token = &token[..token.find(|c| !is_part(c)).unwrap_or(token.len())];
        let bare = token.trim_end_matches([':', '.', '-']);
        match kind(bare) {
            Some(kind) => {
                let next = known.keys().filter(|(other, _)| *other == kind).count() + 1;
                let number = *known.entry((kind, bare.to_lowercase())).or_insert(next);
                out.push_str(&format!("{kind}-{number}"));
                out.push_str(&token[bare.len()..]);
            }
            None => out.push_str(token),
        }
        rest = &rest[start + token.len()..];
    }
    out.push_str(rest);
    out
}

fn kind(token: &str) -> Option<&'static str> {
    let groups: Vec<&str> = token.split([':', '-']).collect();
    let hex = |group: &&str| group.chars().all(|c| c.is_ascii_hexdigit());
    let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
    if groups.iter().all(hex) {
        match lengths.as_slice() {
            [2, 2, 2, 2, 2, 2] => return Some("mac"),
            [8, 4, 4, 4, 12] => return Some("id"),
            _ => {}
        }
    }
    if uuid::Uuid::parse_str(token).is_ok() {
        return Some("id");
    }
    let address = match token.rsplit_once(':') {
        // With a port.
        Some((address, port)) if port.parse::<u16>().is_ok() && address.contains('.') => address,
        _ => token,
    };
    match address.parse::<IpAddr>() {
        Ok(address) if address.is_loopback() || address.is_unspecified() => None,
        Ok(_) => Some("ip"),
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets() -> Secrets {
        Secrets {
            home: Some("/home/ada".to_owned()),
            user: Some("ada".to_owned()),
            host: Some("lovelace".to_owned()),
            library: Some("/mnt/vms".to_owned()),
            machines: vec!["Web".to_owned(), "Web shop".to_owned()],
            words: vec![("WD-77X".to_owned(), "serial")],
        }
    }

    #[test]
    fn nothing_private_is_left_and_the_same_thing_stays_the_same_word() {
        let text = "host lovelace, user ada (adapter), home /home/ada and /home/adam\n\
            \"/home/ada/My secrets/tax 2025.iso\" and /home/ada/x/disk.qcow2: again \"/home/ada/My secrets/tax 2025.iso\"\n\
            /home/ada/.local/share/orangery/machines and /mnt/vms/machines\n\
            Web shop and Web, “Web”, Website; serial=WD-77X\n\
            52:54:00:AB:cd:ef 52:54:00:ab:cd:ef 192.168.1.20:22 fe80::1 127.0.0.1 QEMU 10.0.2\n\
            2026-11-25 22:31:07 c0ffee00-1234-4234-8234-000000000001.";
        let expected = "host host, user user (adapter), home ~ and /home/adam\n\
            \"~/path-1.iso\" and ~/path-2.qcow2: again \"~/path-1.iso\"\n\
            ~/.local/share/orangery/machines and LIBRARY/machines\n\
            machine-2 and machine-1, “machine-1”, Website; serial=serial-1\n\
            mac-1 mac-1 ip-1 ip-2 127.0.0.1 QEMU 10.0.2\n\
            2026-11-25 22:31:07 id-1.";
        assert_eq!(secrets().redact(text), expected);
    }

    #[test]
    fn hostile_texts_are_taken_as_they_are() {
        for text in [
            "",
            "~/",
            "~/~/~/",
            ":::::",
            "“~/",
            "é~/ü.ö",
            "\u{0}~/\u{1f}",
        ] {
            secrets().redact(text);
        }
        assert_eq!(Secrets::default().redact("as it is"), "as it is");
    }
}
