//! Which machines belong together because one was made of the other or rests on its disks, as a tree with folds.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Birth, MachineId, MachineReport, SnapshotId};
use crate::ui::view::View;

/// Relatives that are drawn; a family is larger only by a script.
const MOST: usize = 300;
/// Relatives of the same parent beyond these are folded.
const UNFOLDED: usize = 5;
/// Deeper ones stand below each other.
const DEEPEST: usize = 12;

/// One line of the drawing, from the top.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub node: Node,
    pub depth: usize,
    /// For each depth above its own: whether a line goes on down there, to a later one.
    pub rails: Vec<bool>,
    /// Whether another one of the same parent follows.
    pub goes_on: bool,
    /// It rests on disks of what is above, and not only was made of it.
    pub rests: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    Machine(MachineId),
    /// One that is not there any more, by the name that it had.
    Gone(String),
    /// The moment of a machine that those below go on from.
    Snapshot(MachineId, SnapshotId),
    /// So many that are folded, and what to unfold.
    Folded(usize, Branch),
}

/// What a branch of the tree hangs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Branch {
    Machine(MachineId),
    /// One that is gone.
    Gone(MachineId),
    Snapshot(MachineId, SnapshotId),
}

/// The drawing of a machine's family, made anew only when something has changed.
#[derive(Default)]
pub struct Kinship {
    made_for: Option<(MachineId, u64)>,
    unfolded: BTreeSet<Branch>,
    /// Whose timelines were asked for.
    pub asked: BTreeSet<MachineId>,
    /// None for a machine without relatives.
    pub lines: Vec<Line>,
    /// Machines that were made of it.
    pub children: Vec<MachineId>,
    /// Machines whose disks it needs.
    pub needs: Vec<MachineId>,
    /// Machines that need its disks.
    pub needed_by: Vec<MachineId>,
}

impl Kinship {
    /// Brings it up to date for the page of `report`.
    pub fn follow(&mut self, view: &View, report: &MachineReport) {
        let (id, key) = (report.id, (report.id, view.generation()));
        if self.made_for.replace(key) == Some(key) {
            return;
        }
        let family = Family::of(view, id);
        self.lines = family.lines(id, &self.unfolded);
        let others = |is_one: &dyn Fn(&Kin) -> bool| {
            let members = family.members.iter();
            let ones = members.filter(|(other, kin)| **other != id && is_one(kin));
            ones.map(|(other, _)| *other).collect()
        };
        let is_child = |kin: &Kin| kin.parent.as_ref().is_some_and(|parent| parent.id == id);
        self.children = others(&is_child);
        self.needed_by = others(&|kin| kin.rests_on.contains(&id));
        let own = family.members.get(&id);
        let needs = own.into_iter().flat_map(|kin| &kin.rests_on).copied();
        self.needs = needs.collect();
    }

    pub fn unfold(&mut self, branch: Branch) {
        self.unfolded.insert(branch);
        self.made_for = None;
    }
}

/// A machine as far as its kin matters.
struct Kin {
    name: String,
    parent: Option<Parent>,
    rests_on: BTreeSet<MachineId>,
}

struct Parent {
    id: MachineId,
    name: String,
    at: Option<SnapshotId>,
}

impl Kin {
    fn of(report: &MachineReport) -> Option<Self> {
        let machine = report.machine.as_ref()?;
        let layers = machine.layers();
        let rests_on: BTreeSet<MachineId> = layers
            .iter()
            .map(|layer| layer.machine)
            .filter(|id| *id != report.id)
            .collect();
        let parent = machine.descent.as_ref().map(|descent| Parent {
            id: descent.from,
            name: descent.name.clone(),
            // What a full clone was copied from is nothing to it any more.
            at: descent.at.filter(|_| descent.birth != Birth::FullClone),
        });
        Some(Self {
            name: report.name.clone(),
            parent,
            rests_on,
        })
    }

    fn relatives(&self) -> impl Iterator<Item = MachineId> {
        let parent = self.parent.iter().map(|parent| parent.id);
        parent.chain(self.rests_on.iter().copied())
    }
}

/// All that are related to one machine.
#[derive(Default)]
struct Family {
    members: BTreeMap<MachineId, Kin>,
    /// Names of those that are gone.
    gone: BTreeMap<MachineId, String>,
}

impl Family {
    fn of(view: &View, of: MachineId) -> Self {
        let mut all: BTreeMap<MachineId, Kin> = view
            .machines()
            .filter_map(|report| Some((report.id, Kin::of(report)?)))
            .collect();
        // What lies in the trash belongs to it as long as others rest on it.
        let named: BTreeSet<MachineId> = all.values().flat_map(Kin::relatives).collect();
        for id in named {
            if !all.contains_key(&id)
                && let Some(kin) = view.machine(id).and_then(Kin::of)
            {
                all.insert(id, kin);
            }
        }
        let mut around: BTreeMap<MachineId, Vec<MachineId>> = BTreeMap::new();
        for (id, kin) in &all {
            for other in kin.relatives() {
                around.entry(*id).or_default().push(other);
                around.entry(other).or_default().push(*id);
            }
        }
        let mut found = BTreeSet::from([of]);
        let mut edge = vec![of];
        while let Some(id) = edge.pop() {
            for other in around.get(&id).into_iter().flatten() {
                if found.len() < MOST && found.insert(*other) {
                    edge.push(*other);
                }
            }
        }
        let mut family = Self::default();
        for id in &found {
            if let Some(kin) = all.remove(id) {
                family.members.insert(*id, kin);
            }
        }
        family.bury();
        family
    }

    /// Names those that members were made of and that are gone.
    fn bury(&mut self) {
        let parents = self.members.values().filter_map(|kin| kin.parent.as_ref());
        let gone = parents.filter(|parent| !self.members.contains_key(&parent.id));
        self.gone = gone
            .map(|parent| (parent.id, parent.name.clone()))
            .collect();
    }

    /// What a member hangs on.
    fn branch(&self, id: MachineId) -> Option<Branch> {
        let kin = self.members.get(&id)?;
        let Some(parent) = &kin.parent else {
            // Without a word about it: it rests on the disks of another one all the same.
            let base = kin.rests_on.iter().next()?;
            let known = self.members.contains_key(base);
            return known.then_some(Branch::Machine(*base));
        };
        Some(match (self.members.contains_key(&parent.id), parent.at) {
            (true, Some(at)) => Branch::Snapshot(parent.id, at),
            (true, None) => Branch::Machine(parent.id),
            (false, _) => Branch::Gone(parent.id),
        })
    }

    fn lines(&self, shown: MachineId, unfolded: &BTreeSet<Branch>) -> Vec<Line> {
        if self.members.len() + self.gone.len() < 2 {
            return Vec::new();
        }
        let mut below: BTreeMap<Branch, Vec<MachineId>> = BTreeMap::new();
        let mut roots: Vec<Branch> = Vec::new();
        for id in self.members.keys() {
            match self.branch(*id) {
                Some(branch) => below.entry(branch).or_default().push(*id),
                None => roots.push(Branch::Machine(*id)),
            }
        }
        roots.extend(self.gone.keys().map(|id| Branch::Gone(*id)));
        let mut tree = Tree {
            family: self,
            below,
            way: self.way_up(shown),
            unfolded,
            seen: BTreeSet::new(),
            lines: Vec::new(),
        };
        let last = roots.len().saturating_sub(1);
        for (place, root) in roots.into_iter().enumerate() {
            tree.add(root, Vec::new(), place < last);
        }
        tree.lines
    }

    /// The machine and all that it hangs on: never folded.
    fn way_up(&self, from: MachineId) -> BTreeSet<MachineId> {
        let mut way = BTreeSet::from([from]);
        let mut now = from;
        while let Some(Branch::Machine(next) | Branch::Snapshot(next, _)) = self.branch(now)
            && way.insert(next)
        {
            now = next;
        }
        way
    }
}

/// A tree that is being laid out.
struct Tree<'a> {
    family: &'a Family,
    below: BTreeMap<Branch, Vec<MachineId>>,
    way: BTreeSet<MachineId>,
    unfolded: &'a BTreeSet<Branch>,
    /// Files may say anything, also that two were made of each other.
    seen: BTreeSet<Branch>,
    lines: Vec<Line>,
}

impl Tree<'_> {
    fn add(&mut self, branch: Branch, rails: Vec<bool>, goes_on: bool) {
        if !self.seen.insert(branch) {
            return;
        }
        let (node, rests) = match branch {
            Branch::Machine(id) => (Node::Machine(id), self.rests(id)),
            Branch::Snapshot(id, at) => (Node::Snapshot(id, at), true),
            Branch::Gone(id) => {
                let name = self.family.gone.get(&id).cloned().unwrap_or_default();
                (Node::Gone(name), false)
            }
        };
        let depth = rails.len();
        self.lines.push(Line {
            node,
            depth,
            rails: rails.clone(),
            goes_on,
            rests,
        });
        let mut further = rails;
        if depth < DEEPEST {
            further.push(goes_on);
        }
        let (shown, folded) = self.children(branch);
        let last = shown.len().saturating_sub(1);
        for (place, child) in shown.into_iter().enumerate() {
            let more = place < last || folded > 0;
            self.add(child, further.clone(), more);
        }
        if folded > 0 {
            self.lines.push(Line {
                node: Node::Folded(folded, branch),
                depth: further.len(),
                rails: further,
                goes_on: false,
                rests: false,
            });
        }
    }

    /// What hangs on it, by name, and how many are folded. Those on the way to the one that is shown come along.
    fn children(&mut self, branch: Branch) -> (Vec<Branch>, usize) {
        let mut members = self.below.remove(&branch).unwrap_or_default();
        let name = |id: &MachineId| {
            let kin = self.family.members.get(id);
            kin.map(|kin| kin.name.to_lowercase())
        };
        members.sort_by_key(name);
        let mut children: Vec<Branch> = Vec::new();
        if let Branch::Machine(id) = branch {
            let moments = self.below.keys().filter_map(|below| match below {
                Branch::Snapshot(of, _) if *of == id => Some(*below),
                _ => None,
            });
            children.extend(moments);
        }
        children.extend(members.into_iter().map(Branch::Machine));
        if self.unfolded.contains(&branch) || children.len() <= UNFOLDED + 1 {
            return (children, 0);
        }
        let all = children.len();
        let mut place = 0;
        children.retain(|child| {
            place += 1;
            place <= UNFOLDED || self.leads_to_shown(*child)
        });
        let folded = all - children.len();
        (children, folded)
    }

    fn leads_to_shown(&self, branch: Branch) -> bool {
        match branch {
            Branch::Machine(id) | Branch::Gone(id) => self.way.contains(&id),
            Branch::Snapshot(..) => {
                let members = self.below.get(&branch).into_iter().flatten();
                members.into_iter().any(|id| self.way.contains(id))
            }
        }
    }

    /// Whether a machine rests on disks of the one that it hangs on.
    fn rests(&self, id: MachineId) -> bool {
        let base = match self.family.branch(id) {
            Some(Branch::Machine(base) | Branch::Snapshot(base, _) | Branch::Gone(base)) => base,
            None => return false,
        };
        let kin = self.family.members.get(&id);
        kin.is_some_and(|kin| kin.rests_on.contains(&base))
    }
}

#[cfg(test)]
#[path = "kinship_tests.rs"]
mod tests;
