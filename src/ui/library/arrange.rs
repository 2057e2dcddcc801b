//! Which machines the list shows, in which order and under which headings. Made anew only when
//! something it is made from has changed.

use std::collections::{BTreeMap, BTreeSet};

use super::search::{Texts, words};
use crate::language::{Language, spoken, tr};
use crate::model::{GroupBy, ListSettings, MachineId, MachineReport, SortBy, State};
use crate::ui::theme;
use crate::ui::view::View;

/// What is let through beside the search: any of the states, any of the tags; empty is all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    pub states: BTreeSet<State>,
    pub tags: BTreeSet<String>,
}

impl Filter {
    pub fn is_empty(&self) -> bool {
        self.states.is_empty() && self.tags.is_empty()
    }

    fn lets_through(&self, report: &MachineReport) -> bool {
        let tags = tags_of(report);
        (self.states.is_empty() || self.states.contains(&report.state))
            && (self.tags.is_empty() || tags.iter().any(|tag| self.tags.contains(tag)))
    }
}

pub fn tags_of(report: &MachineReport) -> &[String] {
    report
        .machine
        .as_ref()
        .map_or(&[], |machine| machine.tags.as_slice())
}

/// A line of the list. A machine can stand under several headings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Line {
    /// The place of the heading among the groups.
    Group(usize),
    Machine {
        id: MachineId,
        group: usize,
    },
}

impl Line {
    pub fn machine(self) -> Option<MachineId> {
        match self {
            Self::Machine { id, .. } => Some(id),
            Self::Group(_) => None,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Names it in the settings, whatever language is spoken.
    pub key: String,
    pub title: String,
    pub count: usize,
    pub folded: bool,
}

/// The list as it is laid out.
#[derive(Debug, Default)]
pub struct Arranged {
    pub groups: Vec<Group>,
    pub lines: Vec<Line>,
    /// The upper edge of each line, and the height of all.
    tops: Vec<f32>,
    pub height: f32,
    /// How many machines match, folded ones included.
    pub matching: usize,
    /// How many machines are in each state and have each tag, whether they match or not.
    pub states: BTreeMap<State, usize>,
    pub tags: BTreeMap<String, usize>,
    made_from: Option<MadeFrom>,
}

#[derive(Debug, PartialEq, Eq)]
struct MadeFrom {
    generation: u64,
    language: Language,
    search: String,
    filter: Filter,
    list: ListSettings,
}

impl Arranged {
    /// Follows what it is made from; says whether anything is new.
    pub fn follow(
        &mut self,
        view: &View,
        texts: &mut Texts,
        search: &str,
        filter: &Filter,
        list: &ListSettings,
    ) -> bool {
        let same = self.made_from.as_ref().is_some_and(|from| {
            from.generation == view.generation()
                && from.language == spoken()
                && from.search == search
                && from.filter == *filter
                && from.list == *list
        });
        if same {
            return false;
        }
        let words = words(search);
        let mut machines: Vec<&MachineReport> = view
            .machines()
            .filter(|report| filter.lets_through(report) && texts.matches(report, &words))
            .collect();
        sort(&mut machines, list.sort);
        self.count(view);
        self.matching = machines.len();
        (self.groups, self.lines) = grouped(&machines, list);
        self.lay_out();
        self.made_from = Some(MadeFrom {
            generation: view.generation(),
            language: spoken(),
            search: search.to_owned(),
            filter: filter.clone(),
            list: list.clone(),
        });
        true
    }

    fn count(&mut self, view: &View) {
        self.states.clear();
        self.tags.clear();
        for report in view.machines() {
            *self.states.entry(report.state).or_default() += 1;
            for tag in tags_of(report) {
                match self.tags.get_mut(tag) {
                    Some(count) => *count += 1,
                    None => drop(self.tags.insert(tag.clone(), 1)),
                }
            }
        }
    }

    fn lay_out(&mut self) {
        let mut top = 0.0;
        self.tops.clear();
        for line in &self.lines {
            self.tops.push(top);
            top += height_of(*line) + theme::ROW_GAP;
        }
        self.height = (top - theme::ROW_GAP).max(0.0);
    }

    /// Upper and lower edge of a line, from the upper edge of the list.
    pub fn span(&self, place: usize) -> Option<(f32, f32)> {
        let (top, line) = (self.tops.get(place)?, self.lines.get(place)?);
        Some((*top, top + height_of(*line)))
    }

    /// The places of the lines between two heights.
    pub fn between(&self, upper: f32, lower: f32) -> std::ops::Range<usize> {
        let first = self.tops.partition_point(|top| *top <= upper);
        let end = self.tops.partition_point(|top| *top < lower);
        first.saturating_sub(1)..end
    }

    /// Where a line is now. A machine that left its group is found in another.
    pub fn place(&self, line: Line) -> Option<usize> {
        let exact = self.lines.iter().position(|other| *other == line);
        exact.or_else(|| {
            let id = line.machine()?;
            self.lines
                .iter()
                .position(|other| other.machine() == Some(id))
        })
    }

    pub fn place_of(&self, machine: MachineId) -> Option<usize> {
        self.lines
            .iter()
            .position(|line| line.machine() == Some(machine))
    }
}

fn height_of(line: Line) -> f32 {
    match line {
        Line::Group(_) => theme::GROUP_ROW,
        Line::Machine { .. } => theme::ROW,
    }
}

/// Sorts machines that come by name; equal ones stay so.
fn sort(machines: &mut [&MachineReport], by: SortBy) {
    let created = |report: &MachineReport| report.machine.as_ref().map(|machine| machine.created);
    match by {
        SortBy::Name => {}
        SortBy::State => machines.sort_by_key(|report| rank(report.state)),
        SortBy::Recent => machines.sort_by_key(|report| std::cmp::Reverse(report.since)),
        SortBy::Created => machines.sort_by_key(|report| std::cmp::Reverse(created(report))),
    }
}

/// What wants attention first: what runs, then what failed, then what rests.
fn rank(state: State) -> u8 {
    match state {
        State::Running => 0,
        State::Starting => 1,
        State::Stopping => 2,
        State::Saving => 3,
        State::Paused => 4,
        State::NotResponding => 5,
        State::Crashed => 6,
        State::Saved => 7,
        State::Off => 8,
        State::Unavailable => 9,
        State::Broken => 10,
    }
}

fn grouped(machines: &[&MachineReport], list: &ListSettings) -> (Vec<Group>, Vec<Line>) {
    let headed = headed(machines, list.group);
    if list.group == GroupBy::Nothing {
        let line = |id| Line::Machine { id, group: 0 };
        let lines = machines.iter().map(|report| line(report.id)).collect();
        return (Vec::new(), lines);
    }
    let (mut groups, mut lines) = (Vec::new(), Vec::new());
    for (place, (key, title, members)) in headed.into_iter().enumerate() {
        let folded = list.folded.contains(&key);
        lines.push(Line::Group(place));
        if !folded {
            let line = |id: &MachineId| Line::Machine {
                id: *id,
                group: place,
            };
            lines.extend(members.iter().map(line));
        }
        groups.push(Group {
            key,
            title,
            count: members.len(),
            folded,
        });
    }
    (groups, lines)
}

/// Key, heading and members of each group, in order.
fn headed(machines: &[&MachineReport], by: GroupBy) -> Vec<(String, String, Vec<MachineId>)> {
    // States by their rank, tags by their small letters, and last what has none.
    let mut found: BTreeMap<(u8, String), (String, String, Vec<MachineId>)> = BTreeMap::new();
    let mut put = |order: (u8, String), key: String, title: &str, id: MachineId| {
        let group = found
            .entry(order)
            .or_insert_with(|| (key, title.to_owned(), Vec::new()));
        group.2.push(id);
    };
    for report in machines {
        match by {
            GroupBy::Nothing => {}
            GroupBy::State => {
                let state = report.state;
                let key = format!("state:{}", state.word());
                put(
                    (rank(state), String::new()),
                    key,
                    tr(state.label()),
                    report.id,
                );
            }
            GroupBy::Tag => {
                let tags = tags_of(report);
                for tag in tags {
                    let order = (0, format!("{}\n{tag}", tag.to_lowercase()));
                    put(order, format!("tag:{tag}"), tag, report.id);
                }
                if tags.is_empty() {
                    let order = (1, String::new());
                    put(order, "tag:".to_owned(), tr("No tags"), report.id);
                }
            }
        }
    }
    found.into_values().collect()
}

#[cfg(test)]
#[path = "arrange_tests.rs"]
mod tests;
