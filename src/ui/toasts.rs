//! Toasts: what went wrong or was done, at the lower right, with details and undo.

use egui::{Align2, CornerRadius, Frame, Margin, RichText, Stroke, Ui, vec2};

use super::icon::{self, Icon};
use super::theme::{self, palette};
use super::{Ask, kit};
use crate::engine::message::Command;
use crate::language::{told, tr};
use crate::model::{Action, Failure, MachineId, SnapshotId, Timestamp};

/// How long good news stays, in seconds.
const GOOD_NEWS_STAYS: u64 = 8;
/// More would cover the window; the oldest good news goes first.
const MAX_TOASTS: usize = 5;

/// Names a toast while it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ToastId(u64);

/// One message.
#[derive(Clone, Debug)]
pub struct Toast {
    pub title: String,
    pub text: String,
    pub fix: Option<String>,
    pub details: Option<String>,
    pub failed: bool,
    pub undo: Option<(MachineId, Action)>,
    /// Machines that can be taken out of the trash together.
    pub restore: Vec<MachineId>,
    /// The guest whose clipboard can be taken over.
    pub take: Option<MachineId>,
    /// The snapshot that can be given a name.
    pub name: Option<(MachineId, SnapshotId)>,
    since: Timestamp,
}

impl Toast {
    pub fn failure(failure: Failure, now: Timestamp) -> Self {
        Self {
            title: failure.what,
            text: failure.why,
            fix: failure.fix,
            details: failure.details,
            failed: true,
            undo: None,
            restore: Vec::new(),
            take: None,
            name: None,
            since: now,
        }
    }

    pub fn done(title: String, text: String, now: Timestamp) -> Self {
        Self {
            title,
            text,
            fix: None,
            details: None,
            failed: false,
            undo: None,
            restore: Vec::new(),
            take: None,
            name: None,
            since: now,
        }
    }

    /// Offers to take over what was copied in a guest.
    #[must_use]
    pub fn take(mut self, machine: MachineId) -> Self {
        self.take = Some(machine);
        self
    }

    /// Offers to give a snapshot a name.
    #[must_use]
    pub fn name(mut self, machine: MachineId, snapshot: SnapshotId) -> Self {
        self.name = Some((machine, snapshot));
        self
    }

    /// Offers to take it back by `action`.
    #[must_use]
    pub fn undo(mut self, machine: MachineId, action: Action) -> Self {
        self.undo = Some((machine, action));
        self
    }

    /// Offers to take them all out of the trash.
    #[must_use]
    pub fn restore_all(mut self, machines: Vec<MachineId>) -> Self {
        self.restore = machines;
        self
    }

    fn same_as(&self, other: &Self) -> bool {
        self.title == other.title && self.text == other.text
    }
}

/// The toasts that are shown, oldest first.
#[derive(Default)]
pub struct Toasts {
    shown: Vec<(ToastId, Toast)>,
    next: u64,
}

impl Toasts {
    pub fn push(&mut self, toast: Toast) {
        self.shown.retain(|(_, known)| !known.same_as(&toast));
        if self.shown.len() >= MAX_TOASTS {
            let oldest = self.shown.iter().position(|(_, known)| !known.failed);
            self.shown.remove(oldest.unwrap_or(0));
        }
        self.next += 1;
        self.shown.push((ToastId(self.next), toast));
    }

    pub fn dismiss(&mut self, id: ToastId) {
        self.shown.retain(|(known, _)| *known != id);
    }

    /// Drops the question whether to take over what was copied in a guest: it has something else now.
    pub fn withdraw(&mut self) {
        self.shown.retain(|(_, toast)| toast.take.is_none());
    }

    /// Drops the toast of a failure that is said elsewhere in the window.
    pub fn said_elsewhere(&mut self, failure: &Failure) {
        self.shown
            .retain(|(_, toast)| toast.title != failure.what || toast.text != failure.why);
    }

    /// Drops good news that has been read.
    pub fn tick(&mut self, now: Timestamp) {
        self.shown
            .retain(|(_, toast)| toast.failed || toast.since.0 + GOOD_NEWS_STAYS > now.0);
    }

    /// Whether one of them goes away by itself.
    pub fn expire(&self) -> bool {
        self.shown.iter().any(|(_, toast)| !toast.failed)
    }

    pub fn is_empty(&self) -> bool {
        self.shown.is_empty()
    }
}

/// Shows all toasts above everything else.
pub fn toasts_ui(ui: &Ui, toasts: &Toasts, asks: &mut Vec<Ask>) {
    if toasts.is_empty() {
        return;
    }
    // A dialog has its buttons at the bottom; what it waits for must not hide them.
    let dialog = ui.memory(|memory| memory.top_modal_layer().is_some());
    let (corner, offset) = match dialog {
        true => (Align2::RIGHT_TOP, vec2(-16.0, 16.0)),
        false => (Align2::RIGHT_BOTTOM, vec2(-16.0, -theme::FOOTER - 12.0)),
    };
    egui::Area::new(egui::Id::unique("toasts"))
        .order(egui::Order::Tooltip)
        .anchor(corner, offset)
        .show(ui.ctx(), |ui| {
            ui.set_width(400.0);
            for (id, toast) in &toasts.shown {
                ui.push_id(id, |ui| toast_ui(ui, *id, toast, asks));
            }
        });
}

fn toast_ui(ui: &mut Ui, id: ToastId, toast: &Toast, asks: &mut Vec<Ask>) {
    let p = palette(ui);
    let (glyph, color) = if toast.failed {
        (Icon::CircleAlert, p.error)
    } else if toast.take.is_some() {
        (Icon::ClipboardCopy, p.accent_text)
    } else {
        (Icon::CircleCheck, p.leaf)
    };
    Frame::NONE
        .fill(p.card)
        .corner_radius(CornerRadius::same(theme::CARD_RADIUS))
        .stroke(Stroke::new(1.0, p.edge(color)))
        .shadow(ui.visuals().popup_shadow)
        .inner_margin(Margin::same(14))
        .show(ui, |ui| {
            ui.set_width(ui.available_width());
            ui.horizontal_top(|ui| {
                icon::show(ui, glyph, 18.0, color);
                ui.vertical(|ui| {
                    ui.spacing_mut().item_spacing.y = 5.0;
                    let row = vec2(ui.available_width(), 20.0);
                    ui.allocate_ui(row, |ui| toast_title_ui(ui, id, toast, asks));
                    toast_text_ui(ui, toast);
                    undo_ui(ui, id, toast, asks);
                });
            });
        });
}

fn toast_title_ui(ui: &mut Ui, id: ToastId, toast: &Toast, asks: &mut Vec<Ask>) {
    let p = palette(ui);
    ui.with_layout(egui::Layout::right_to_left(egui::Align::Min), |ui| {
        let close = egui::Button::new(icon::text(Icon::X, 15.0).color(p.dim))
            .frame_when_inactive(false)
            .small();
        if kit::name(ui.add(close), tr("Dismiss")).clicked() {
            asks.push(Ask::DismissToast(id));
        }
        ui.with_layout(egui::Layout::left_to_right(egui::Align::Min), |ui| {
            let title = RichText::new(told(&toast.title)).font(theme::semibold(theme::BODY));
            ui.add(egui::Label::new(title.color(p.text)).wrap());
        });
    });
}

fn toast_text_ui(ui: &mut Ui, toast: &Toast) {
    let p = palette(ui);
    ui.add(egui::Label::new(RichText::new(kit::sentence(&told(&toast.text))).color(p.text)).wrap());
    if let Some(fix) = &toast.fix {
        ui.add(egui::Label::new(RichText::new(told(fix)).color(p.dim)).wrap());
    }
    if let Some(details) = &toast.details {
        egui::CollapsingHeader::new(tr("Details")).show(ui, |ui| {
            egui::ScrollArea::vertical()
                .max_height(160.0)
                .show(ui, |ui| {
                    let text = RichText::new(details).monospace().size(theme::SMALL);
                    ui.add(egui::Label::new(text).wrap().selectable(true));
                });
        });
    }
}

fn undo_ui(ui: &mut Ui, id: ToastId, toast: &Toast, asks: &mut Vec<Ask>) {
    if let Some((machine, action)) = toast.undo
        && kit::secondary(ui, true, Some(Icon::Undo2), tr("Undo")).clicked()
    {
        asks.push(Ask::Engine(Command::Act { machine, action }));
        asks.push(Ask::DismissToast(id));
    }
    if toast.take.is_some()
        && kit::secondary(ui, true, Some(Icon::ClipboardCopy), tr("Take it")).clicked()
    {
        asks.push(Ask::TakeClipboard);
        asks.push(Ask::DismissToast(id));
    }
    if let Some((machine, snapshot)) = toast.name
        && kit::secondary(ui, true, Some(Icon::Pencil), tr("Name it…")).clicked()
    {
        asks.push(Ask::NameSnapshot(machine, snapshot));
        asks.push(Ask::DismissToast(id));
    }
    if !toast.restore.is_empty()
        && kit::secondary(ui, true, Some(Icon::Undo2), tr("Restore all")).clicked()
    {
        let restore = |machine: &MachineId| Command::Act {
            machine: *machine,
            action: Action::Restore,
        };
        asks.push(Ask::Many(toast.restore.iter().map(restore).collect()));
        asks.push(Ask::DismissToast(id));
    }
}
