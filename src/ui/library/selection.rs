//! Where the keyboard is in the list, and which machines are marked for a common verb.

use std::collections::BTreeSet;

use super::arrange::{Arranged, Line};
use crate::model::MachineId;

#[derive(Debug, Default)]
pub struct Selection {
    pub marks: BTreeSet<MachineId>,
    /// The line that the arrow keys move from.
    pub cursor: Option<Line>,
    /// The other end of what Shift extends.
    anchor: Option<Line>,
}

/// What a click does to the selection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Click {
    /// Opens the machine; nothing stays marked.
    Open,
    /// Marks it, or takes the mark away.
    Toggle,
    /// Marks all from the last one to this.
    Extend,
}

impl Selection {
    /// Where the cursor is; the first line until it was moved.
    pub fn place(&self, list: &Arranged) -> Option<usize> {
        let known = self.cursor.and_then(|line| list.place(line));
        known.or((!list.lines.is_empty()).then_some(0))
    }

    /// Moves the cursor to a line that is there.
    pub fn move_to(&mut self, list: &Arranged, place: usize, extend: bool) {
        let Some(line) = list.lines.get(place).copied() else {
            return;
        };
        if extend {
            let anchor = self.anchor.or(self.cursor).unwrap_or(line);
            self.anchor = Some(anchor);
            self.mark_between(list, list.place(anchor).unwrap_or(place), place);
        } else {
            self.anchor = None;
        }
        self.cursor = Some(line);
    }

    /// A click on a machine's row while `shown` has its page open; returns whether it opens.
    pub fn click(
        &mut self,
        list: &Arranged,
        place: usize,
        click: Click,
        shown: Option<MachineId>,
    ) -> bool {
        let Some(line) = list.lines.get(place).copied() else {
            return false;
        };
        match click {
            Click::Open => {
                self.clear();
                self.cursor = Some(line);
            }
            Click::Toggle => {
                // The open machine counts as chosen until others are.
                let open = shown.filter(|id| list.place_of(*id).is_some());
                if self.marks.is_empty() && line.machine() != open {
                    self.marks.extend(open);
                }
                if let Some(id) = line.machine() {
                    self.toggle(id);
                }
                self.cursor = Some(line);
                self.anchor = Some(line);
            }
            Click::Extend => {
                let from = self
                    .anchor
                    .or(self.cursor)
                    .and_then(|line| list.place(line));
                let from = from.or_else(|| list.place_of(shown?)).unwrap_or(place);
                self.anchor = list.lines.get(from).copied();
                self.mark_between(list, from, place);
                self.cursor = Some(line);
            }
        }
        click == Click::Open
    }

    pub fn toggle(&mut self, id: MachineId) {
        if !self.marks.remove(&id) {
            self.marks.insert(id);
        }
    }

    pub fn mark_all(&mut self, list: &Arranged) {
        self.marks = list
            .lines
            .iter()
            .filter_map(|line| line.machine())
            .collect();
    }

    /// Nothing is marked any more.
    pub fn clear(&mut self) {
        self.marks.clear();
        self.anchor = None;
    }

    /// Drops marks of machines that are gone.
    pub fn keep(&mut self, is_there: impl Fn(MachineId) -> bool) {
        self.marks.retain(|id| is_there(*id));
    }

    fn mark_between(&mut self, list: &Arranged, one: usize, other: usize) {
        let lines = list.lines.get(one.min(other)..=one.max(other));
        let lines = lines.unwrap_or_default();
        self.marks = lines.iter().filter_map(|line| line.machine()).collect();
    }
}
