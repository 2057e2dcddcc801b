//! Walks two states of a file system side by side and tells what was added, changed and removed.

use std::collections::BTreeMap;
use std::io;
use std::ops::ControlFlow;

use super::{Node, Place, Tree};
use crate::model::{ByteSize, ChangeKind, FileChange, FileSort, clean};

/// Entries of one folder that are looked at.
pub(in crate::storage) const MAX_FOLDER: usize = 200_000;
/// Entries of a file system that are looked at, both sides together.
const MAX_ENTRIES: u64 = 4_000_000;
/// Folders in folders; a loop in a damaged file system ends here.
const MAX_DEPTH: usize = 64;
/// Bytes of a path that is told; what lies deeper counts, but has no name.
const MAX_PATH: usize = 1024;

/// What a walk found besides the changes it told of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::storage) struct Walked {
    /// Entries looked at, both sides together.
    pub entries: u64,
    pub unread: bool,
    pub too_much: bool,
}

/// One side of a folder to be visited.
type Side = Option<Place>;

struct Visit {
    path: String,
    depth: usize,
    before: Side,
    after: Side,
}

/// Compares two states of a file system. `told` gets each change, and after each folder `None`
/// with the entries seen so far; breaking ends the walk.
pub(in crate::storage) fn compare(
    before: &mut dyn Tree,
    after: &mut dyn Tree,
    told: &mut dyn FnMut(Option<FileChange>, u64) -> ControlFlow<()>,
) -> Walked {
    let mut walked = Walked::default();
    let mut waiting = vec![Visit {
        path: String::new(),
        depth: 0,
        before: Some(before.root()),
        after: Some(after.root()),
    }];
    while let Some(visit) = waiting.pop() {
        let old = list(before, visit.before.as_ref(), &mut walked);
        let new = list(after, visit.after.as_ref(), &mut walked);
        let (old, new) = match (old, new) {
            (Ok(old), Ok(new)) => (old, new),
            (Err(error), _) | (_, Err(error)) if error.kind() == io::ErrorKind::TimedOut => {
                walked.too_much = true;
                return walked;
            }
            // A folder that only one side could read would look all new or all gone.
            _ => {
                walked.unread = true;
                continue;
            }
        };
        let (changes, folders) = merge(&visit, old, new, &mut walked);
        for change in changes {
            if told(Some(change), walked.entries).is_break() {
                return walked;
            }
        }
        // The last is visited next: so folders come in order.
        waiting.extend(folders.into_iter().rev());
        if walked.entries > MAX_ENTRIES {
            walked.too_much = true;
            return walked;
        }
        if told(None, walked.entries).is_break() {
            return walked;
        }
    }
    walked
}

type Listing = BTreeMap<Vec<u8>, Node>;

fn list(tree: &mut dyn Tree, folder: Option<&Place>, walked: &mut Walked) -> io::Result<Listing> {
    let mut found = Listing::new();
    let Some(folder) = folder else {
        return Ok(found);
    };
    tree.entries(folder, &mut |node| {
        walked.entries += 1;
        walked.unread |= node.modified.is_none();
        if found.len() >= MAX_FOLDER {
            walked.too_much = true;
            return ControlFlow::Break(());
        }
        found.insert(node.name.clone(), node);
        ControlFlow::Continue(())
    })?;
    Ok(found)
}

/// What changed in a folder, and the folders in it to be visited.
fn merge(
    visit: &Visit,
    old: Listing,
    mut new: Listing,
    walked: &mut Walked,
) -> (Vec<FileChange>, Vec<Visit>) {
    let mut pairs: Vec<(Option<Node>, Option<Node>)> = old
        .into_iter()
        .map(|(name, node)| {
            let other = new.remove(&name);
            (Some(node), other)
        })
        .collect();
    pairs.extend(new.into_values().map(|node| (None, Some(node))));
    pairs.sort_by(|a, b| name(a).cmp(name(b)));
    let mut changes = Vec::new();
    let mut folders = Vec::new();
    for pair in pairs {
        let path = join(&visit.path, name(&pair));
        let (before, after) = pair;
        let folder = |node: &Option<Node>| {
            let node = node.as_ref().filter(|node| node.kind == FileSort::Folder);
            node.map(|node| node.place.clone())
        };
        let (old_folder, new_folder) = (folder(&before), folder(&after));
        changes.extend(change(&path, before.as_ref(), after.as_ref()));
        if old_folder.is_none() && new_folder.is_none() {
            continue;
        }
        if visit.depth >= MAX_DEPTH || path.len() > MAX_PATH {
            walked.too_much = true;
            continue;
        }
        folders.push(Visit {
            path,
            depth: visit.depth + 1,
            before: old_folder,
            after: new_folder,
        });
    }
    (changes, folders)
}

fn name(pair: &(Option<Node>, Option<Node>)) -> &[u8] {
    let node = pair.0.as_ref().or(pair.1.as_ref());
    node.map_or(&[], |node| &node.name)
}

fn join(folder: &str, name: &[u8]) -> String {
    let name = shown(name);
    match folder {
        "" => name,
        folder => format!("{folder}/{name}"),
    }
}

/// A name as it is shown, and as it is asked for.
pub(in crate::storage) fn shown(name: &[u8]) -> String {
    clean(&String::from_utf8_lossy(name)).replace('/', "\u{fffd}")
}

/// What became of one name: nothing, one change, or two where it is another kind of thing now.
fn change(path: &str, before: Option<&Node>, after: Option<&Node>) -> Vec<FileChange> {
    let of = |change, kind, before: Option<&Node>, after: Option<&Node>| {
        let size = |node: Option<&Node>| {
            let file = node.filter(|node| node.kind == FileSort::File);
            file.map(|node| ByteSize(node.size))
        };
        FileChange {
            path: path.to_owned(),
            kind,
            change,
            before: size(before),
            after: size(after),
        }
    };
    match (before, after) {
        (Some(old), Some(new)) if old.kind != new.kind => vec![
            of(ChangeKind::Removed, old.kind, before, None),
            of(ChangeKind::Added, new.kind, None, after),
        ],
        // A folder's own time changes with what is in it.
        (Some(old), Some(new)) => {
            let same = old.kind == FileSort::Folder
                || (old.size == new.size && old.modified == new.modified);
            match same {
                true => Vec::new(),
                false => vec![of(ChangeKind::Changed, new.kind, before, after)],
            }
        }
        (Some(old), None) => vec![of(ChangeKind::Removed, old.kind, before, None)],
        (None, Some(new)) => vec![of(ChangeKind::Added, new.kind, None, after)],
        (None, None) => Vec::new(),
    }
}

/// The entry at `path`, found folder by folder by the names that are shown; the root is no entry.
///
/// A link is an entry like any other: what it names is not looked at.
pub(in crate::storage) fn find(tree: &mut dyn Tree, path: &str) -> io::Result<Option<Node>> {
    let mut at: Option<Node> = None;
    let parts = path.split('/').filter(|part| !part.is_empty());
    for (depth, part) in parts.enumerate() {
        if depth > MAX_DEPTH {
            return Err(io::ErrorKind::NotFound.into());
        }
        let folder = match &at {
            None => tree.root(),
            Some(node) if node.kind == FileSort::Folder => node.place.clone(),
            Some(_) => return Err(io::ErrorKind::NotADirectory.into()),
        };
        let mut found = None;
        tree.entries(&folder, &mut |node| {
            if shown(&node.name) == part {
                found = Some(node);
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        })?;
        at = Some(found.ok_or(io::ErrorKind::NotFound)?);
    }
    Ok(at)
}
