//! Toasts: what went wrong or was done, at the lower right, with details and undo.

use egui::{Align2, CornerRadius, Frame, Margin, RichText, Stroke, Ui, vec2};

use super::icon::{self, Icon};
use super::theme::{self, palette};
use super::{Ask, kit};
use crate::engine::message::Command;
use crate::language::{told, tr};
use crate::model::{Action, Failure, LabId, MachineId, SnapshotId, Timestamp};

/// How long good news stays, in seconds.
const GOOD_NEWS_STAYS: u64 = 8;
/// How long a hint stays: it is longer to read.
const HINT_STAYS: u64 = 20;
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
    pub offer: Option<Offer>,
    /// Until when it is shown unless it is dismissed.
    until: Option<Timestamp>,
}

/// What the button of a toast does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Offer {
    /// Takes it back by this action.
    Undo(MachineId, Action),
    /// Puts these machines back into the lab, where they were.
    PutBack(LabId, Vec<(usize, MachineId)>),
    /// Takes these machines out of the trash.
    RestoreAll(Vec<MachineId>),
    /// Takes over what was copied in this guest.
    Take(MachineId),
    /// Gives this snapshot a name.
    Name(MachineId, SnapshotId),
    /// Opens this machine's page.
    Show(MachineId),
}

impl Toast {
    pub fn failure(failure: Failure) -> Self {
        Self {
            title: failure.what,
            text: failure.why,
            fix: failure.fix,
            details: failure.details,
            failed: true,
            offer: None,
            until: None,
        }
    }

    /// A failure that says what to do instead, and has had its say after a while.
    pub fn hint(failure: Failure, now: Timestamp) -> Self {
        Self {
            until: Some(Timestamp(now.0 + HINT_STAYS)),
            ..Self::failure(failure)
        }
    }

    pub fn done(title: String, text: String, now: Timestamp) -> Self {
        Self {
            title,
            text,
            fix: None,
            details: None,
            failed: false,
            offer: None,
            until: Some(Timestamp(now.0 + GOOD_NEWS_STAYS)),
        }
    }

    #[must_use]
    pub fn offer(mut self, offer: Offer) -> Self {
        self.offer = Some(offer);
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
        self.shown
            .retain(|(_, toast)| !matches!(toast.offer, Some(Offer::Take(_))));
    }

    /// Drops the toast of a failure that is said elsewhere in the window.
    pub fn said_elsewhere(&mut self, failure: &Failure) {
        self.shown
            .retain(|(_, toast)| toast.title != failure.what || toast.text != failure.why);
    }

    /// Drops what has been read.
    pub fn tick(&mut self, now: Timestamp) {
        self.shown
            .retain(|(_, toast)| toast.until.is_none_or(|until| until > now));
    }

    /// Whether one of them goes away by itself.
    pub fn expire(&self) -> bool {
        self.shown.iter().any(|(_, toast)| toast.until.is_some())
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
    // A menu is short-lived, and its last lines lie where toasts do.
    let order = match egui::Popup::is_any_open(ui.ctx()) {
        true => egui::Order::Middle,
        false => egui::Order::Tooltip,
    };
    egui::Area::new(egui::Id::unique("toasts"))
        .order(order)
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
    } else if matches!(toast.offer, Some(Offer::Take(_))) {
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
                    offer_ui(ui, id, toast, asks);
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

fn offer_ui(ui: &mut Ui, id: ToastId, toast: &Toast, asks: &mut Vec<Ask>) {
    let Some(offer) = &toast.offer else { return };
    let (icon, word) = match offer {
        Offer::Undo(..) | Offer::PutBack(..) => (Icon::Undo2, tr("Undo")),
        Offer::RestoreAll(_) => (Icon::Undo2, tr("Restore all")),
        Offer::Take(_) => (Icon::ClipboardCopy, tr("Take it")),
        Offer::Name(..) => (Icon::Pencil, tr("Name it…")),
        Offer::Show(_) => (Icon::Monitor, tr("Show it")),
    };
    if kit::secondary(ui, true, Some(icon), word).clicked() {
        asks.push(accepted(offer));
        asks.push(Ask::DismissToast(id));
    }
}

fn accepted(offer: &Offer) -> Ask {
    let act = |machine, action| Command::Act { machine, action };
    match offer {
        Offer::Undo(machine, action) => Ask::Engine(act(*machine, *action)),
        Offer::PutBack(lab, machines) => Ask::PutBack(*lab, machines.clone()),
        Offer::RestoreAll(machines) => {
            let restore = |machine: &MachineId| act(*machine, Action::Restore);
            Ask::Many(machines.iter().map(restore).collect())
        }
        Offer::Take(_) => Ask::TakeClipboard,
        Offer::Name(machine, snapshot) => Ask::NameSnapshot(*machine, *snapshot),
        Offer::Show(machine) => Ask::Select(*machine),
    }
}
