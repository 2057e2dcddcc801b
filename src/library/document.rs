//! A record with a version: reading what is known, keeping what is not.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::merge::{overlay, unknown_keys};
use super::text::{self, TextError};
use crate::model::Device;

/// What one kind of record looks like.
#[derive(Debug)]
pub struct Format {
    /// The newest version that this program writes.
    pub version: u64,
    /// The first lines of the file, for people.
    pub comment: &'static str,
    /// Where the list of devices is; those of unknown kinds are set aside and kept.
    pub devices: &'static [&'static str],
}

/// Why a text is not a record of its kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    #[error("{0}")]
    Text(#[from] TextError),
    #[error("the key “version” with a number is missing")]
    NoVersion,
    #[error("{}key “{key}”: {problem}", line.map(|line| format!("line {line}, ")).unwrap_or_default())]
    Value {
        /// The path of the key: `devices/2/kind`.
        key: String,
        line: Option<usize>,
        problem: String,
    },
    #[error("file version {found} is newer than {known}, the newest that this Orangery knows")]
    Newer { found: u64, known: u64 },
    #[error("it can't be written as text: {problem}")]
    Unwritable { problem: String },
}

/// A record that was read, with what it held beyond `value`.
#[derive(Clone, Debug)]
pub struct Document<T> {
    pub value: T,
    /// Each names a key.
    pub warnings: Vec<String>,
    /// The file's version, if it is newer than ours: then it must not be rewritten.
    pub newer: Option<u64>,
    tree: Value,
    known: Value,
    /// Devices of unknown kinds with their places in the list.
    aside: Vec<(usize, Value)>,
}

/// Reads a record.
pub fn read<T>(format: &Format, text: &str) -> Result<Document<T>, DocumentError>
where
    T: Serialize + DeserializeOwned,
{
    let mut tree = text::read(text)?;
    let version = tree.get("version").and_then(Value::as_u64);
    let version = version.ok_or(DocumentError::NoVersion)?;
    let newer = (version > format.version).then_some(version);
    let mut warnings = Vec::new();
    let mut aside = Vec::new();
    // Nearly all records are as they should be; only the others are looked at part by part.
    let value = match T::deserialize(&tree) {
        Ok(value) => value,
        Err(_) => {
            (aside, warnings) = set_aside(format, &mut tree);
            match (typed(&tree), newer) {
                (Ok(value), _) => value,
                (Err(_), Some(found)) => {
                    let known = format.version;
                    return Err(DocumentError::Newer { found, known });
                }
                (Err(error), None) => return Err(error.locate(format, text, &aside)),
            }
        }
    };
    let known = known_tree(format, &value)?;
    for key in unknown_keys(&tree, &known) {
        warnings.push(format!(
            "The key “{}” is not known to this version; it is kept",
            key.escape_debug()
        ));
    }
    Ok(Document {
        value,
        warnings,
        newer,
        tree,
        known,
        aside,
    })
}

/// The text of `value`, with all that `before`, the record it replaces, held beyond what is known.
pub fn render<T>(
    format: &Format,
    value: &T,
    before: Option<&Document<T>>,
) -> Result<String, DocumentError>
where
    T: Serialize + DeserializeOwned + PartialEq,
{
    let mut tree = known_tree(format, value)?;
    if let Some(before) = before {
        if let Some(found) = before.newer {
            let known = format.version;
            return Err(DocumentError::Newer { found, known });
        }
        tree = overlay(&before.tree, &before.known, &tree);
        put_back(format, &mut tree, &before.aside)?;
    }
    let text = text::write(format.comment, &tree);
    // What can't be read back must never replace what can.
    let unwritable = |problem: &str| DocumentError::Unwritable {
        problem: problem.to_owned(),
    };
    let again: Document<T> = read(format, &text)?;
    if again.value != *value || text::read(&text)? != tree {
        return Err(unwritable("it reads back differently"));
    }
    Ok(text)
}

fn known_tree<T: Serialize>(format: &Format, value: &T) -> Result<Value, DocumentError> {
    let unwritable = |problem: String| DocumentError::Unwritable { problem };
    let mut known = serde_json::to_value(value).map_err(|error| unwritable(error.to_string()))?;
    let Some(map) = known.as_object_mut() else {
        return Err(unwritable("a record must be a map".to_owned()));
    };
    map.insert("version".to_owned(), format.version.into());
    Ok(known)
}

fn device_list<'a>(format: &Format, tree: &'a mut Value) -> Option<&'a mut Vec<Value>> {
    if format.devices.is_empty() {
        return None;
    }
    let mut place = tree;
    for key in format.devices {
        place = place.get_mut(key)?;
    }
    place.as_array_mut()
}

/// Takes devices out that a newer version knows and this one does not.
fn set_aside(format: &Format, tree: &mut Value) -> (Vec<(usize, Value)>, Vec<String>) {
    let mut aside = Vec::new();
    let mut warnings = Vec::new();
    let Some(list) = device_list(format, tree) else {
        return (aside, warnings);
    };
    for (place, item) in std::mem::take(list).into_iter().enumerate() {
        // serde has no other sign of an unknown enum variant than its words.
        let unknown = serde_json::from_value::<Device>(item.clone())
            .err()
            .map(|error| error.to_string())
            .filter(|error| error.starts_with("unknown variant"));
        let has_id = item.get("id").and_then(Value::as_str).is_some();
        match unknown {
            Some(problem) if has_id => {
                let id = item["id"].as_str().unwrap_or_default().escape_debug();
                let path = format.devices.join("/");
                let problem = problem.split(", expected").next().unwrap_or_default();
                warnings.push(format!(
                    "The device “{path}/{id}” is of a kind that this version does not know \
                     ({problem}); it is kept, but the machine starts without it"
                ));
                aside.push((place, item));
            }
            _ => list.push(item),
        }
    }
    (aside, warnings)
}

fn put_back(
    format: &Format,
    tree: &mut Value,
    aside: &[(usize, Value)],
) -> Result<(), DocumentError> {
    let Some(list) = device_list(format, tree) else {
        return Ok(());
    };
    for (place, item) in aside {
        if list.iter().any(|other| other.get("id") == item.get("id")) {
            return Err(DocumentError::Value {
                key: format.devices.join("/"),
                line: None,
                problem: format!(
                    "the id {} already belongs to a device of a kind that this version does not know",
                    item["id"]
                ),
            });
        }
        list.insert((*place).min(list.len()), item.clone());
    }
    Ok(())
}

/// Where a typed reading failed, as a path into the tree.
struct Misfit {
    path: Vec<String>,
    problem: String,
}

/// Reads through JSON text, one value a line: so serde's error has a line, and the line a path.
fn typed<T: DeserializeOwned>(tree: &Value) -> Result<T, Misfit> {
    let misfit = |path, problem| Misfit { path, problem };
    let json = serde_json::to_string_pretty(tree)
        .map_err(|error| misfit(Vec::new(), error.to_string()))?;
    serde_json::from_str(&json).map_err(|error| {
        let words = error.to_string();
        let problem = words
            .rsplit_once(" at line ")
            .map_or(words.as_str(), |(problem, _)| problem);
        misfit(path_at(&json, error.line()), problem.to_owned())
    })
}

/// The path of the value that stands on, or ends at, `line` of pretty JSON.
fn path_at(json: &str, line: usize) -> Vec<String> {
    let mut path: Vec<String> = Vec::new();
    // One per open container: the next place if it is a list.
    let mut open: Vec<Option<usize>> = Vec::new();
    for text in json.lines().take(line) {
        let trimmed = text.trim_start();
        let depth = (text.len() - trimmed.len()) / 2;
        path.truncate(depth.saturating_sub(1));
        if trimmed.starts_with(['}', ']']) {
            open.truncate(depth);
            path.truncate(depth);
            continue;
        }
        match open.last_mut() {
            Some(Some(place)) => {
                path.push(place.to_string());
                *place += 1;
            }
            Some(None) => {
                let mut words = serde_json::Deserializer::from_str(trimmed).into_iter::<String>();
                path.extend(words.next().and_then(Result::ok));
            }
            None => {}
        }
        if trimmed.ends_with('[') {
            open.push(Some(0));
        } else if trimmed.ends_with('{') {
            open.push(None);
        }
    }
    path
}

impl Misfit {
    fn locate(mut self, format: &Format, text: &str, aside: &[(usize, Value)]) -> DocumentError {
        // Places in the device list count those set aside, as the file does.
        let prefix = format.devices;
        if !prefix.is_empty() && self.path.len() > prefix.len() {
            let inside = self.path.iter().zip(prefix).all(|(a, b)| a == b);
            if let (true, Ok(place)) = (inside, self.path[prefix.len()].parse::<usize>()) {
                let place = aside.iter().fold(place, |place, (taken, _)| {
                    place + usize::from(*taken <= place)
                });
                self.path[prefix.len()] = place.to_string();
            }
        }
        DocumentError::Value {
            line: text::line_of(text, &self.path),
            key: if self.path.is_empty() {
                "the whole file".to_owned()
            } else {
                self.path.join("/")
            },
            problem: self.problem,
        }
    }
}

/// Reads a record field by field: a field that does not fit gets its default and a warning.
///
/// Fails only if the text is not a map.
pub fn read_lenient<T>(format: &Format, text: &str) -> Result<Document<T>, DocumentError>
where
    T: Serialize + DeserializeOwned + Default,
{
    let mut tree = text::read(text)?;
    let Some(map) = tree.as_object_mut() else {
        return Err(DocumentError::NoVersion);
    };
    let version = map.get("version").and_then(Value::as_u64);
    let newer = version.filter(|version| *version > format.version);
    map.insert("version".to_owned(), format.version.into());
    let mut warnings = Vec::new();
    let mut fitting = Map::new();
    for (key, item) in map.iter() {
        let alone = Value::Object(Map::from_iter([(key.clone(), item.clone())]));
        match typed::<T>(&alone) {
            Ok(_) => {
                fitting.insert(key.clone(), item.clone());
            }
            Err(misfit) => warnings.push(format!(
                "The setting “{}” is not used: {}",
                key.escape_debug(),
                misfit.problem
            )),
        }
    }
    let value: T = typed(&Value::Object(fitting)).unwrap_or_default();
    let known = known_tree(format, &value)?;
    for key in unknown_keys(&tree, &known) {
        warnings.push(format!(
            "The setting “{}” is not known to this version; it is kept",
            key.escape_debug()
        ));
    }
    Ok(Document {
        value,
        warnings,
        newer,
        tree,
        known,
        aside: Vec::new(),
    })
}

impl<T: Serialize> Document<T> {
    /// For settings: a field that did not fit stays as it was written while its value is unchanged.
    pub fn render_settings(&self, format: &Format, value: &T) -> Result<String, DocumentError> {
        let new = known_tree(format, value)?;
        let mut tree = overlay(&self.tree, &self.known, &new);
        if let Some(map) = tree.as_object_mut() {
            for (key, item) in map.iter_mut() {
                if new.get(key) == self.known.get(key) {
                    *item = self.tree.get(key).unwrap_or(item).clone();
                }
            }
            let version = self.newer.unwrap_or(format.version);
            map.insert("version".to_owned(), version.into());
        }
        Ok(text::write(format.comment, &tree))
    }
}
