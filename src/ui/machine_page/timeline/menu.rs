//! The menu of a line: what the side offers, without the way there.

use egui::{Key, KeyboardShortcut, Modifiers, Response, Ui};

use super::arrange::Point;
use super::browse::BrowseDialog;
use super::compare::CompareDialog;
use super::{Scene, TimelineTab, details, words};
use crate::engine::message::Command;
use crate::language::{count, tr};
use crate::model::{Action, Fork, SnapshotId, SnapshotReport};
use crate::ui::icon::Icon;
use crate::ui::{Ask, actions, kit, snapshot_dialog};

const fn key(key: Key) -> KeyboardShortcut {
    KeyboardShortcut::new(Modifiers::NONE, key)
}

impl TimelineTab {
    /// The menu of `point`'s line, which is looked at from then on; what is marked stays marked if it is among that.
    pub(super) fn line_menu(
        &mut self,
        scene: &Scene<'_>,
        point: Point,
        response: &Response,
        asks: &mut Vec<Ask>,
    ) {
        if response.secondary_clicked() {
            let members = scene.list.snapshots_of(scene.timeline, point);
            let marks = &self.selection.marks;
            if members.is_empty() || !members.iter().all(|id| marks.contains(id)) {
                self.selection.look_at(point);
            }
            response.request_focus();
        }
        response.context_menu(|ui| {
            ui.spacing_mut().item_spacing.y = 2.0;
            match point {
                _ if self.selection.marks.len() > 1 => self.many_menu_ui(ui, scene, asks),
                Point::Now => self.now_menu_ui(ui, scene, asks),
                Point::Snapshot(id) => self.snapshot_menu_ui(ui, scene, id, asks),
                Point::Run(_) => {
                    if item_ui(ui, Icon::ChevronDown, tr("Fold or unfold"), None, None) {
                        self.fold(scene, point, None);
                    }
                    self.many_menu_ui(ui, scene, asks);
                }
            }
        });
    }

    fn snapshot_menu_ui(
        &mut self,
        ui: &mut Ui,
        scene: &Scene<'_>,
        id: SnapshotId,
        asks: &mut Vec<Ask>,
    ) {
        let Some(snapshot) = scene.timeline.snapshot(id) else {
            return;
        };
        let why = details::rewind_verdict(scene.view, scene.report, snapshot).err();
        let why = why.as_deref();
        if item_ui(
            ui,
            Icon::History,
            tr("Go back…"),
            Some(key(Key::Enter)),
            why,
        ) {
            self.ask_rewind(scene, id);
        }
        if item_ui(ui, Icon::GitCompare, tr("Compare with now…"), None, why) {
            self.compare = Some(CompareDialog::new(scene.report, id, None, asks));
        }
        if item_ui(ui, Icon::FolderOpen, tr("Browse files…"), None, why) {
            self.browse = Some(BrowseDialog::new(scene.report, Some(id), asks));
        }
        ui.separator();
        copies_ui(ui, scene, snapshot, asks);
        ui.separator();
        let other = other_owner(scene);
        let rename = Some(key(Key::F2));
        if item_ui(ui, Icon::Pencil, tr("Name and note"), rename, other) {
            self.begin_edit(scene, id);
        }
        if item_ui(
            ui,
            Icon::ShieldCheck,
            tr("Check that it is whole"),
            None,
            other,
        ) {
            let machine = scene.report.id;
            let snapshot = Some(id);
            asks.push(Ask::Engine(Command::VerifySnapshots { machine, snapshot }));
        }
        ui.separator();
        self.delete_item_ui(ui, scene, &words::title(scene.view, snapshot), vec![id]);
    }

    fn now_menu_ui(&mut self, ui: &mut Ui, scene: &Scene<'_>, asks: &mut Vec<Ask>) {
        let report = scene.report;
        let why = actions::verdict(report, Action::Snapshot, scene.view.handed_over).err();
        let why = why.as_deref();
        let word = tr(Action::Snapshot.name());
        if item_ui(ui, Icon::Bookmark, word, None, why) {
            asks.push(actions::ask(report, Action::Snapshot));
        }
        let (chosen, response) = item(ui, Icon::BookmarkPlus, tr("Named…"), None, why);
        response.on_hover_text(tr(snapshot_dialog::TAKE));
        if chosen {
            asks.push(Ask::NewSnapshot(report.id));
        }
        ui.separator();
        let why = actions::verdict(report, Action::Rewind, scene.view.handed_over).err();
        let word = tr("Browse files…");
        if item_ui(ui, Icon::FolderOpen, word, None, why.as_deref()) {
            self.browse = Some(BrowseDialog::new(report, None, asks));
        }
    }

    /// Of several snapshots, or of a run of checkpoints.
    fn many_menu_ui(&mut self, ui: &mut Ui, scene: &Scene<'_>, asks: &mut Vec<Ask>) {
        let meant = self.selection.meant(scene.timeline, scene.list);
        if let [from, to] = meant[..] {
            let why = actions::verdict(scene.report, Action::Rewind, scene.view.handed_over).err();
            if item_ui(ui, Icon::GitCompare, tr("Compare…"), None, why.as_deref()) {
                self.compare = Some(CompareDialog::new(scene.report, from, Some(to), asks));
            }
        }
        let number = meant.len() as u64;
        let title = count(
            number,
            "{count} snapshot selected",
            "{count} snapshots selected",
        );
        self.delete_item_ui(ui, scene, &title, meant);
    }

    fn delete_item_ui(&mut self, ui: &mut Ui, scene: &Scene<'_>, of: &str, meant: Vec<SnapshotId>) {
        let why = actions::verdict(scene.report, Action::Rewind, scene.view.handed_over).err();
        let keys = Some(key(Key::Delete));
        let (chosen, response) = item(ui, Icon::Trash2, tr("Delete…"), keys, why.as_deref());
        response.on_hover_text(of);
        if chosen {
            self.ask_delete(scene, meant);
        }
    }
}

/// What can be made of a snapshot.
fn copies_ui(ui: &mut Ui, scene: &Scene<'_>, snapshot: &SnapshotReport, asks: &mut Vec<Ask>) {
    let machine = scene.report.id;
    let denied = |action| {
        let verdict = actions::verdict(scene.report, action, scene.view.handed_over).err();
        let alone = snapshot.disk.is_some();
        verdict.or_else(|| alone.then(|| tr("It keeps one disk alone").to_owned()))
    };
    for (action, disposable) in [(Action::Fork, false), (Action::Try, true)] {
        let why = denied(action);
        let icon = actions::look(action).icon;
        let (chosen, response) = item(ui, icon, tr(action.name()), None, why.as_deref());
        response.on_hover_text(tr(
            "Another machine goes on from here; this one stays as it is",
        ));
        if chosen {
            let fork = Fork {
                at: Some(snapshot.id),
                ..Fork::once(disposable)
            };
            asks.push(Ask::Engine(Command::Fork { machine, fork }));
        }
    }
    let why = denied(Action::Clone);
    if item_ui(
        ui,
        Icon::Copy,
        tr(Action::Clone.name()),
        None,
        why.as_deref(),
    ) {
        asks.push(Ask::NewClone(machine, Some(snapshot.id)));
    }
    template_item_ui(ui, scene, snapshot, asks);
}

/// Makes it a moment that new machines go on from, or ends that.
fn template_item_ui(
    ui: &mut Ui,
    scene: &Scene<'_>,
    snapshot: &SnapshotReport,
    asks: &mut Vec<Ask>,
) {
    let is_one = words::is_template(scene.report, snapshot.id);
    let name = match snapshot.name.is_empty() {
        true => scene.report.name.clone(),
        false => snapshot.name.clone(),
    };
    let why = match other_owner(scene) {
        None if !snapshot.with_memory => Some(tr(
            "It has no memory: machines of it would boot. Take one while the machine runs",
        )),
        other => other,
    };
    let (word, name) = match is_one {
        true => (tr("No template any more"), None),
        false => (tr("Make it a template"), Some(name)),
    };
    let (chosen, response) = item(ui, Icon::Zap, word, None, why);
    response.on_hover_text(tr(
        "New machines begin at this moment, at once, from the page New machine",
    ));
    if chosen {
        asks.push(Ask::Engine(Command::SetTemplate {
            machine: scene.report.id,
            snapshot: snapshot.id,
            name,
        }));
    }
}

fn other_owner(scene: &Scene<'_>) -> Option<&'static str> {
    let other = scene.view.handed_over;
    other.then(|| tr("Another Orangery process has the library now"))
}

/// A line of the menu, which closes; whether it was chosen. Greyed out it says why not.
fn item_ui(
    ui: &mut Ui,
    icon: Icon,
    word: &str,
    keys: Option<KeyboardShortcut>,
    why_not: Option<&str>,
) -> bool {
    item(ui, icon, word, keys, why_not).0
}

fn item(
    ui: &mut Ui,
    icon: Icon,
    word: &str,
    keys: Option<KeyboardShortcut>,
    why_not: Option<&str>,
) -> (bool, Response) {
    let response = kit::menu_item(ui, why_not.is_none(), Some(icon), word, keys.as_ref());
    let response = match why_not {
        Some(why) => response.on_disabled_hover_text(why),
        None => response,
    };
    let chosen = response.clicked();
    if chosen {
        ui.close();
    }
    (chosen, response)
}
