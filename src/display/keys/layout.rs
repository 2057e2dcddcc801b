//! Keyboard layouts: what each key types, from `assets/keyboards/layouts.txt`, which `make-layouts` beside it writes.

use std::sync::OnceLock;

use super::KeyCode;

const TABLE: &str = include_str!("../../../assets/keyboards/layouts.txt");

/// The key beside the left Shift, which US keyboards do not have.
const KEY_102ND: KeyCode = KeyCode(86);

/// What a key does at one level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Typed {
    Nothing,
    Char(char),
    /// Waits for a letter to put this combining character on.
    Dead(char),
}

/// A layout that a guest may have.
#[derive(Debug, PartialEq, Eq)]
pub struct Layout {
    /// As X11 names it, with its variant: `de`, `us-intl`.
    pub id: &'static str,
    /// In English: "German".
    pub name: &'static str,
    /// Alone, with Shift, with AltGr, with both.
    keys: Vec<(KeyCode, [Typed; 4])>,
}

/// Stands in for a table without the usual layout, which a test rules out.
static NOTHING: Layout = Layout {
    id: Layout::DEFAULT,
    name: "English (US)",
    keys: Vec::new(),
};

#[derive(Default)]
struct Table {
    layouts: Vec<Layout>,
    /// Combining character, letter, and what both make.
    composed: Vec<(char, char, char)>,
}

fn table() -> &'static Table {
    static READ: OnceLock<Table> = OnceLock::new();
    READ.get_or_init(|| {
        let mut table = Table::default();
        for line in TABLE.lines() {
            table.read(line);
        }
        table
    })
}

impl Table {
    /// A line that says nothing is left out; a test holds that there is none.
    fn read(&mut self, line: &'static str) -> Option<()> {
        let (word, rest) = line.split_once(' ')?;
        match word {
            "#" => {}
            "layout" => {
                let (id, name) = rest.split_once(' ')?;
                let keys = Vec::new();
                self.layouts.push(Layout { id, name, keys });
            }
            "compose" => {
                let (mark, pairs) = rest.split_once(' ')?;
                let mark = char::from_u32(u32::from_str_radix(mark, 16).ok()?)?;
                let pairs: Vec<char> = pairs.chars().collect();
                let pairs = pairs.chunks_exact(2);
                self.composed
                    .extend(pairs.map(|pair| (mark, pair[0], pair[1])));
            }
            code => {
                let code = KeyCode(code.parse().ok()?);
                let mut levels = [Typed::Nothing; 4];
                for (level, token) in levels.iter_mut().zip(rest.split(' ')) {
                    *level = typed(token)?;
                }
                self.layouts.last_mut()?.keys.push((code, levels));
            }
        }
        Some(())
    }
}

fn typed(token: &str) -> Option<Typed> {
    let mut chars = token.chars();
    let first = chars.next()?;
    Some(match (token, chars.as_str()) {
        ("..", _) => Typed::Nothing,
        ("sp", _) => Typed::Char(' '),
        (_, "") => Typed::Char(first),
        (_, hex) => Typed::Dead(char::from_u32(u32::from_str_radix(hex, 16).ok()?)?),
    })
}

impl Layout {
    pub const DEFAULT: &'static str = "us";

    /// All layouts, as they are listed.
    pub fn all() -> &'static [Self] {
        &table().layouts
    }

    pub fn find(id: &str) -> Option<&'static Self> {
        Self::all().iter().find(|layout| layout.id == id)
    }

    /// What the desktop that we run on has, as far as its environment tells; US otherwise.
    pub fn of_environment() -> &'static Self {
        let names = ["XKB_DEFAULT_LAYOUT", "XKB_DEFAULT_VARIANT"];
        let [layout, variant] = names.map(|name| std::env::var(name).unwrap_or_default());
        let said = ["LC_ALL", "LC_CTYPE", "LANG"].map(|name| std::env::var(name).ok());
        let locale = said.into_iter().flatten().find(|name| !name.is_empty());
        Self::usual(&layout, &variant, &locale.unwrap_or_default())
    }

    /// The first of X11's layouts, else the one of the locale's country or language.
    fn usual(layouts: &str, variants: &str, locale: &str) -> &'static Self {
        let first = |list: &str| list.split(',').next().unwrap_or_default().trim().to_owned();
        let (layout, variant) = (first(layouts), first(variants));
        let (language, country) = locale
            .split(['.', '@'])
            .next()
            .unwrap_or_default()
            .split_once('_')
            .unwrap_or_default();
        let country = country.to_ascii_lowercase();
        let named = [
            format!("{layout}-{variant}"),
            layout,
            format!("{country}-{language}"),
            country,
            language.to_owned(),
        ];
        let found = named.iter().find_map(|id| Self::find(id));
        found
            .or_else(|| Self::find(Self::DEFAULT))
            .unwrap_or(&NOTHING)
    }

    /// The keys that type `character`: one chord, or two where it takes a dead key.
    pub(super) fn chords(&self, character: char) -> Option<Vec<Vec<KeyCode>>> {
        match character {
            '\n' => return Some(vec![vec![KeyCode::ENTER]]),
            '\t' => return Some(vec![vec![KeyCode::TAB]]),
            _ => {}
        }
        // Before a space all systems give the accent itself, in the form that ASCII has of it.
        let alone = ALONE.iter().find(|(accent, _)| *accent == character);
        let alone = alone.and_then(|(_, mark)| self.two(*mark, ' '));
        match (self.chord(Typed::Char(character)), alone) {
            // What a layout prints as a dead key may be one with AltGr in Linux only.
            (Some(chord), Some(alone)) if needs_altgr(&chord) && !needs_altgr(&alone[0]) => {
                return Some(alone);
            }
            (Some(chord), _) => return Some(vec![chord]),
            (None, Some(alone)) => return Some(alone),
            (None, None) => {}
        }
        let parts = table().composed.iter();
        let parts = parts.filter(|(.., whole)| *whole == character);
        let mut ways = parts.map(|(mark, letter, _)| (*mark, *letter));
        ways.find_map(|(mark, letter)| self.two(mark, letter))
    }

    fn two(&self, mark: char, letter: char) -> Option<Vec<Vec<KeyCode>>> {
        let dead = self.chord(Typed::Dead(mark))?;
        Some(vec![dead, self.chord(Typed::Char(letter))?])
    }

    /// The easiest chord: what is printed on every keyboard before what needs AltGr.
    fn chord(&self, wanted: Typed) -> Option<Vec<KeyCode>> {
        let places = self.keys.iter().flat_map(|(code, levels)| {
            let matching = levels.iter().enumerate();
            matching
                .filter(move |(_, typed)| **typed == wanted)
                .map(move |(level, _)| (level, *code))
        });
        let (level, code) =
            places.min_by_key(|(level, code)| (level / 2, *code == KEY_102ND, *level))?;
        Some(match level {
            0 => vec![code],
            1 => vec![KeyCode::LEFT_SHIFT, code],
            2 => vec![KeyCode::RIGHT_ALT, code],
            _ => vec![KeyCode::LEFT_SHIFT, KeyCode::RIGHT_ALT, code],
        })
    }
}

fn needs_altgr(chord: &[KeyCode]) -> bool {
    chord.contains(&KeyCode::RIGHT_ALT)
}

/// What a dead key and a space give, where all systems agree.
const ALONE: &[(char, char)] = &[
    ('`', '\u{300}'),
    ('\'', '\u{301}'),
    ('^', '\u{302}'),
    ('~', '\u{303}'),
    ('"', '\u{308}'),
];

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests run programs themselves")]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn every_line_of_the_table_is_understood() {
        let mut table = Table::default();
        for (number, line) in TABLE.lines().enumerate() {
            assert!(table.read(line).is_some(), "line {}: {line}", number + 1);
        }
        assert!(table.layouts.len() >= 20);
        for layout in &table.layouts {
            assert!(layout.keys.len() >= 46, "{}", layout.id);
            let known = layout.keys.iter().all(|(code, _)| code.qnum().is_some());
            assert!(known, "{}", layout.id);
        }
        let unique: std::collections::HashSet<_> =
            table.layouts.iter().map(|layout| layout.id).collect();
        assert_eq!(unique.len(), table.layouts.len());
    }

    /// Goes the other way: presses the chords against the table and composes what dead keys wait for.
    fn press(layout: &Layout, chords: &[Vec<KeyCode>]) -> String {
        let (mut text, mut waiting) = (String::new(), None);
        for chord in chords {
            let (key, held) = chord.split_last().unwrap();
            let shift = usize::from(held.contains(&KeyCode::LEFT_SHIFT));
            let level = shift + 2 * usize::from(held.contains(&KeyCode::RIGHT_ALT));
            let found = layout.keys.iter().find(|(code, _)| code == key);
            match (found.map(|(_, levels)| levels[level]), waiting.take()) {
                (Some(Typed::Dead(mark)), None) => waiting = Some(mark),
                (Some(Typed::Char(' ')), Some(mark)) => {
                    let alone = ALONE.iter().find(|(_, known)| *known == mark).unwrap();
                    text.push(alone.0);
                }
                (Some(Typed::Char(letter)), Some(mark)) => {
                    let mut composed = table().composed.iter();
                    let made = composed.find(|known| (known.0, known.1) == (mark, letter));
                    text.push(made.unwrap().2);
                }
                (Some(Typed::Char(c)), None) => text.push(c),
                other => panic!("{}: {chord:?} gives {other:?}", layout.id),
            }
        }
        text
    }

    #[test]
    fn the_chords_of_every_layout_give_the_characters_back() {
        for layout in Layout::all() {
            let mut can = 0;
            for character in (' '..='\u{17f}').chain('\u{400}'..='\u{45f}').chain(['€']) {
                if let Some(chords) = layout.chords(character) {
                    assert_eq!(press(layout, &chords), character.to_string());
                    can += 1;
                }
            }
            assert!(can > 75, "{}: {can}", layout.id);
        }
    }

    #[test]
    fn every_layout_but_the_russian_one_types_ascii() {
        for layout in Layout::all().iter().filter(|layout| layout.id != "ru") {
            let missing: String = (' '..='~')
                .filter(|c| layout.chords(*c).is_none())
                .collect();
            assert_eq!(missing, "", "{}", layout.id);
        }
        let russian = Layout::find("ru").unwrap();
        assert!(russian.chords('ж').is_some() && russian.chords('a').is_none());
    }

    #[test]
    fn the_desktops_layout_is_what_x11_or_the_locale_says() {
        let id = |layouts, variants, locale| Layout::usual(layouts, variants, locale).id;
        assert_eq!(id("de,us", "", "fr_FR.UTF-8"), "de");
        assert_eq!(id("ch", "fr", ""), "ch-fr");
        assert_eq!(id("us", "dvorak", ""), "us");
        assert_eq!(id("", "", "de_AT.UTF-8"), "de");
        assert_eq!(id("", "", "fr_CH@euro"), "ch-fr");
        assert_eq!(id("", "", "pt_BR"), "br");
        assert_eq!(id("", "", "C.UTF-8"), "us");
    }

    #[test]
    fn well_known_places_are_where_they_are_printed() {
        let check = |layout: &str, character: char, chords: &[&[u16]]| {
            let found = Layout::find(layout).unwrap().chords(character).unwrap();
            let expected: Vec<Vec<KeyCode>> = chords
                .iter()
                .map(|chord| chord.iter().map(|code| KeyCode(*code)).collect())
                .collect();
            assert_eq!(found, expected, "{layout} {character}");
        };
        check("us", '|', &[&[42, 43]]);
        check("us", '<', &[&[42, 51]]);
        check("gb", '\\', &[&[86]]);
        check("de", 'z', &[&[21]]);
        check("de", 'Z', &[&[42, 21]]);
        check("de", '@', &[&[100, 16]]);
        check("de", '€', &[&[100, 18]]);
        check("de", 'ê', &[&[41], &[18]]);
        check("de", '^', &[&[41], &[57]]);
        check("de", '`', &[&[42, 13], &[57]]);
        check("fr", '1', &[&[42, 2]]);
        check("fr", 'a', &[&[16]]);
        check("fr", 'ê', &[&[26], &[18]]);
        check("es", 'ñ', &[&[39]]);
        check("se", 'å', &[&[26]]);
        check("us-intl", '\'', &[&[40], &[57]]);
        check("br", '/', &[&[89]]);
        check("tr", 'ı', &[&[23]]);
        check("ru", 'я', &[&[44]]);
        check("jp", '@', &[&[26]]);
        check("jp", '\\', &[&[89]]);
    }

    /// Where this computer has the same xkb-data, its tables and ours agree.
    #[test]
    fn the_table_is_what_its_script_writes() {
        let query = ["-W", "-f", "${Version}", "xkb-data"];
        let version = Command::new("dpkg-query").args(query).output();
        let version = version.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        let first = TABLE.lines().next().unwrap();
        if !version.is_ok_and(|version| !version.is_empty() && first.ends_with(&version)) {
            eprintln!("skipped: this computer has another xkb-data than {first}");
            return;
        }
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/keyboards/make-layouts");
        let Ok(output) = Command::new("python3").arg(script).output() else {
            eprintln!("skipped: no python3");
            return;
        };
        if !output.status.success() && String::from_utf8_lossy(&output.stderr).contains("OSError") {
            eprintln!("skipped: no libxkbcommon.so.0");
            return;
        }
        assert_eq!(String::from_utf8_lossy(&output.stdout), TABLE);
    }
}
