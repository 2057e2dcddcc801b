//! Carries what a file holds and this version does not know over into the file's next version.

use serde_json::Value;

/// Deepest path and most paths that [`unknown_keys`] names.
const NAMED_LIMIT: usize = 20;

/// `new` with everything of `old` that `old_known` does not have, wherever its place still exists.
///
/// `old` is the file's tree, `old_known` what this version understood of it, `new` what this
/// version wants to write. List items are matched by their `id`, else by being unchanged, else by
/// their place.
pub fn overlay(old: &Value, old_known: &Value, new: &Value) -> Value {
    match (old, new) {
        (Value::Object(old_map), Value::Object(new_map)) => {
            let mut merged = new_map.clone();
            for (key, old_value) in old_map {
                match (new_map.get(key), old_known.get(key)) {
                    (Some(new_value), known) => {
                        let known = known.unwrap_or(&Value::Null);
                        merged.insert(key.clone(), overlay(old_value, known, new_value));
                    }
                    (None, None) => {
                        merged.insert(key.clone(), old_value.clone());
                    }
                    (None, Some(_)) => {}
                }
            }
            Value::Object(merged)
        }
        (Value::Array(old_items), Value::Array(new_items)) => {
            let known: &[Value] = old_known.as_array().map_or(&[], Vec::as_slice);
            Value::Array(overlay_items(old_items, known, new_items))
        }
        _ => new.clone(),
    }
}

fn overlay_items(old: &[Value], known: &[Value], new: &[Value]) -> Vec<Value> {
    if old.len() != known.len() {
        return new.to_vec();
    }
    let mut used = vec![false; old.len()];
    new.iter()
        .enumerate()
        .map(|(place, item)| {
            let id = item.get("id");
            let found = if id.is_some() {
                (0..old.len()).find(|&at| !used[at] && old[at].get("id") == id)
            } else if old.len() == new.len() && !used[place] {
                Some(place)
            } else {
                (0..old.len()).find(|&at| !used[at] && known[at] == *item)
            };
            match found {
                Some(at) => {
                    used[at] = true;
                    overlay(&old[at], &known[at], item)
                }
                None => item.clone(),
            }
        })
        .collect()
}

/// Paths of the keys in `tree` that `known` does not have: `devices/2/kind/Disk/iops`.
pub fn unknown_keys(tree: &Value, known: &Value) -> Vec<String> {
    let mut found = Vec::new();
    collect_unknown(tree, known, &mut Vec::new(), &mut found);
    found
}

fn collect_unknown(tree: &Value, known: &Value, path: &mut Vec<String>, found: &mut Vec<String>) {
    if found.len() >= NAMED_LIMIT {
        return;
    }
    match (tree, known) {
        (Value::Object(map), Value::Object(known_map)) => {
            for (key, value) in map {
                path.push(key.clone());
                match known_map.get(key) {
                    Some(known_value) => collect_unknown(value, known_value, path, found),
                    None => found.push(path.join("/")),
                }
                path.pop();
            }
        }
        (Value::Array(items), Value::Array(known_items)) => {
            for (place, (item, known_item)) in items.iter().zip(known_items).enumerate() {
                path.push(place.to_string());
                collect_unknown(item, known_item, path, found);
                path.pop();
            }
        }
        _ => {}
    }
}
