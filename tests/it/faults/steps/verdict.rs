//! What may have come of an operation that met a fault.

use super::operation::{Begin, Fault, Operation};
use super::shape::{One, Shape};

/// What came of it; `None` where that is neither what was before nor what was to come.
pub fn verdict(
    operation: &Operation,
    fault: Fault,
    (before, after): (&Shape, &Shape),
    now: &Shape,
) -> Option<&'static str> {
    if now.is_like(after) {
        return Some("as after");
    }
    if now.is_like(before) {
        return Some("as before");
    }
    if now.is_like(&with_kept(before, now)) {
        return Some("as before, and kept");
    }
    let lost_guest = matches!(fault, Fault::Newborn | Fault::Both);
    if operation.begin == Begin::Trying && lost_guest && now.is_like(&without_tries(before)) {
        return Some("as before, and the try is gone with its guest");
    }
    if operation.begin == Begin::Trying && without_moment(now).is_like(before) {
        return Some("as before, and the try has its moment itself");
    }
    // Of several each is whole or not there.
    let is_one_of = |(name, one): (&String, &One)| {
        let there = Shape([(name.clone(), one.clone())].into());
        let wanted = |all: &Shape| all.0.get(name).cloned().map(|one| (name.clone(), one));
        [before, after]
            .into_iter()
            .filter_map(wanted)
            .any(|one| there.is_like(&Shape([one].into())))
    };
    let has_all = before.0.keys().all(|name| now.0.contains_key(name));
    (operation.bears && has_all && now.0.iter().all(is_one_of)).then_some("some are there")
}

/// The first half of leaving: the present is a snapshot now, and rests on it.
fn with_kept(before: &Shape, now: &Shape) -> Shape {
    let mut kept = before.clone();
    let moment = now.0.get("Card").and_then(|now| now.snapshots.get("kept"));
    if let (Some(moment), Some(card)) = (moment, kept.0.get_mut("Card")) {
        let shape = (card.present.0.clone(), moment.1, card.present.1.clone());
        card.snapshots.insert("kept".to_owned(), shape);
        card.present.0 = Some("kept".to_owned());
    }
    kept
}

fn without_tries(shape: &Shape) -> Shape {
    let mut shape = shape.clone();
    shape.0.retain(|_, one| !one.disposable);
    shape
}

/// The first half of keeping a try's moment: it was taken.
fn without_moment(now: &Shape) -> Shape {
    let mut now = now.clone();
    if let Some(kid) = now.0.get_mut("Kid")
        && kid.snapshots.remove("Kid").is_some()
    {
        kid.present.0 = None;
    }
    now
}
