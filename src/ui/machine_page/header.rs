//! The head of a machine's page: name, state and what can be done now.

use egui::{Color32, Key, RichText, TextEdit, Ui, vec2};

use super::MachinePage;
use super::keys;
use crate::engine::message::Command;
use crate::language::{fill, told, tr};
use crate::model::{Accelerator, Action, Change, MachineReport, State, check_name};
use crate::ui::actions::{self, Shape};
use crate::ui::icon::{self, Icon};
use crate::ui::theme::{self, palette};
use crate::ui::view::View;
use crate::ui::{Ask, kit, screens};

/// Size of the name, and width of the field for a new one.
const NAME: f32 = 22.0;
const RENAME: f32 = 360.0;

/// What every machine offers in the menu behind the three dots.
const MORE: [Action; 17] = [
    Action::Start,
    Action::Pause,
    Action::Resume,
    Action::ShutDown,
    Action::Save,
    Action::DiscardSaved,
    Action::Reset,
    Action::PowerOff,
    Action::Snapshot,
    Action::Rewind,
    Action::Fork,
    Action::Try,
    Action::Clone,
    Action::Screenshot,
    Action::OpenConsole,
    Action::Edit,
    Action::Delete,
];

pub(super) fn header_ui(
    ui: &mut Ui,
    page: &mut MachinePage,
    view: &View,
    report: &MachineReport,
    asks: &mut Vec<Ask>,
) {
    ui.horizontal(|ui| {
        let plan = Plan::new(ui, page, report);
        let width = (ui.available_width() - plan.width(ui, report)).max(LEAST_NAME);
        ui.allocate_ui(vec2(width, 56.0), |ui| {
            ui.set_width(width);
            ui.vertical(|ui| {
                ui.spacing_mut().item_spacing.y = 2.0;
                name_ui(ui, page, view, report, asks);
                state_ui(ui, view, report, asks);
            });
        });
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            buttons_ui(ui, view, report, plan, asks);
        });
    });
    ui.add_space(2.0);
}

/// Room that name and state have at least.
const LEAST_NAME: f32 = 160.0;
/// Beside a name: the pencil that renames.
const PENCIL: f32 = 40.0;
/// What has a word beside its icon where there is room, since it is what Orangery is for.
const WORTH_A_WORD: [Action; 3] = [Action::Snapshot, Action::Fork, Action::Try];
/// What a long name takes the room of, the first one first: the menu has them all.
const SPARE: [Action; 5] = [
    Action::Screenshot,
    Action::Save,
    Action::OpenConsole,
    Action::ShutDown,
    Action::Fork,
];

/// Which buttons stand at the right, so that the name is not cut while there is another way.
#[derive(Clone, Copy)]
struct Plan {
    words: bool,
    /// How many of [`SPARE`] are in the menu only.
    spared: usize,
}

impl Plan {
    fn new(ui: &Ui, page: &MachinePage, report: &MachineReport) -> Self {
        let font = theme::semibold(NAME);
        let name = page
            .rename
            .is_none()
            .then(|| width_of(ui, &report.name, font));
        let name = name.map_or(RENAME, |name| name + PENCIL).max(LEAST_NAME);
        let room = ui.available_width() - name;
        let plans =
            std::iter::once((true, 0)).chain((0..=SPARE.len()).map(|spared| (false, spared)));
        let mut plans = plans.map(|(words, spared)| Self { words, spared });
        let least = Self {
            words: false,
            spared: SPARE.len(),
        };
        plans
            .find(|plan| plan.width(ui, report) <= room)
            .unwrap_or(least)
    }

    fn has(self, action: Action) -> bool {
        !SPARE[..self.spared].contains(&action)
    }

    /// From the right.
    fn actions(self, state: State) -> impl Iterator<Item = Action> {
        let screen = state.has_screen();
        let with_screen = [
            Action::Screenshot,
            Action::OpenConsole,
            Action::Save,
            Action::ShutDown,
        ];
        let with_screen = with_screen.into_iter().filter(move |_| screen);
        let always = WORTH_A_WORD.into_iter().rev();
        let all = with_screen.chain(always);
        all.filter(move |action| self.has(*action))
    }

    fn shape(self, action: Action) -> Shape {
        match self.words && WORTH_A_WORD.contains(&action) {
            true => Shape::Secondary,
            false => Shape::Icon,
        }
    }

    fn width(self, ui: &Ui, report: &MachineReport) -> f32 {
        let spacing = ui.spacing();
        let worded = |action| {
            let word = tr(actions::word(report, action));
            let word = width_of(ui, word, theme::semibold(theme::BODY));
            word + 2.0 * spacing.button_padding.x + 24.0
        };
        let icon = theme::CONTROL + spacing.item_spacing.x;
        let keys = if report.state.has_screen() { icon } else { 0.0 };
        let others = self
            .actions(report.state)
            .map(|action| match self.shape(action) {
                Shape::Icon => icon,
                _ => worded(action) + spacing.item_spacing.x,
            });
        worded(main_action(report.state)) + others.sum::<f32>() + keys + icon + 16.0
    }
}

fn width_of(ui: &Ui, text: &str, font: egui::FontId) -> f32 {
    let color = palette(ui).text;
    let galley = ui.painter().layout_no_wrap(text.to_owned(), font, color);
    galley.size().x
}

/// What a machine that stands so is asked most likely.
fn main_action(state: State) -> Action {
    match state {
        State::Paused => Action::Resume,
        State::Running | State::Stopping | State::Saving => Action::Pause,
        State::NotResponding => Action::PowerOff,
        State::Off
        | State::Starting
        | State::Saved
        | State::Crashed
        | State::Broken
        | State::Unavailable => Action::Start,
    }
}

fn name_ui(
    ui: &mut Ui,
    page: &mut MachinePage,
    view: &View,
    report: &MachineReport,
    asks: &mut Vec<Ask>,
) {
    if page.rename.is_some() {
        rename_ui(ui, page, view, report, asks);
        return;
    }
    let p = palette(ui);
    ui.horizontal(|ui| {
        ui.set_height(30.0);
        let text = RichText::new(&report.name)
            .font(theme::semibold(NAME))
            .color(p.text);
        let room = ui.available_width() - PENCIL;
        let label = ui
            .scope(|ui| {
                ui.set_max_width(room);
                ui.add(
                    egui::Label::new(text)
                        .truncate()
                        .sense(egui::Sense::click()),
                )
            })
            .inner;
        let allowed = actions::verdict(report, Action::Edit, view.handed_over);
        let pencil = egui::Button::new(icon::text(Icon::Pencil, 15.0).color(p.dim))
            .frame_when_inactive(false);
        let rename = kit::name(ui.add_enabled(allowed.is_ok(), pencil), tr("Rename"));
        match allowed {
            Ok(()) => {
                let rename = rename.on_hover_text(tr("Rename, or double-click the name"));
                if rename.clicked() || label.double_clicked() {
                    page.rename = Some(report.name.clone());
                }
            }
            Err(reason) => {
                rename.on_disabled_hover_text(told(&reason));
            }
        }
    });
}

fn rename_ui(
    ui: &mut Ui,
    page: &mut MachinePage,
    view: &View,
    report: &MachineReport,
    asks: &mut Vec<Ask>,
) {
    let Some(name) = &mut page.rename else { return };
    let mut done = false;
    let mut renamed = false;
    let others = view.names().into_iter().filter(|name| *name != report.name);
    let complaint = check_name(name, others)
        .err()
        .map(|error| told(&error.to_string()).into_owned());
    ui.horizontal(|ui| {
        ui.set_height(30.0);
        let edit = TextEdit::singleline(name)
            .font(theme::semibold(18.0))
            .char_limit(200)
            .desired_width((ui.available_width() - 60.0).min(RENAME));
        let response = ui.add(edit);
        let value = name.clone();
        response.widget_info(|| {
            let mut info = egui::WidgetInfo::text_edit(true, &value, &value, "");
            info.label = Some(tr("New name").to_owned());
            info
        });
        if response.lost_focus() {
            let entered = ui.input(|input| input.key_pressed(Key::Enter));
            if entered && complaint.is_none() && *name != report.name {
                asks.push(Ask::Engine(Command::Change {
                    machine: report.id,
                    changes: vec![Change::Name(name.clone())],
                }));
                renamed = true;
            }
            done = !entered || complaint.is_none();
        }
        if !response.has_focus() {
            response.request_focus();
        }
    });
    if let Some(complaint) = complaint {
        ui.label(RichText::new(complaint).size(13.0).color(palette(ui).error));
    }
    if renamed {
        page.hardware.expect();
    }
    if done {
        page.rename = None;
    }
}

/// Below this width the line is short of room, and so are its words.
const LONG_PENDING: f32 = 420.0;

/// A piece of the line below the name.
struct Piece {
    text: String,
    color: Color32,
    tooltip: String,
    /// Leads to the hardware.
    leads: bool,
}

/// State and particulars; what does not fit beside the buttons is left out, the least important first.
fn state_ui(ui: &mut Ui, view: &View, report: &MachineReport, asks: &mut Vec<Ask>) {
    let p = palette(ui);
    ui.horizontal(|ui| {
        ui.set_height(22.0);
        ui.spacing_mut().item_spacing.x = 7.0;
        kit::state_word(ui, report.state);
        let pieces = pieces(ui, view, report);
        let mut room = ui.available_width();
        // In the order of importance, from the right: pending, accelerator, since when.
        let mut shown: Vec<Piece> = Vec::new();
        for piece in pieces.into_iter().rev() {
            let font = theme::regular(theme::BODY);
            let galley = ui
                .painter()
                .layout_no_wrap(piece.text.clone(), font, piece.color);
            room -= galley.size().x + 20.0; // with the dot before it
            if room >= 0.0 {
                shown.insert(0, piece);
            }
        }
        for piece in shown {
            ui.label(RichText::new("·").color(p.dim));
            let text = RichText::new(&piece.text).color(piece.color);
            if piece.leads {
                let link = egui::Label::new(text.underline()).sense(egui::Sense::click());
                let link = kit::name(ui.add(link), &piece.text)
                    .on_hover_cursor(egui::CursorIcon::PointingHand)
                    .on_hover_text(&piece.tooltip);
                if link.clicked() {
                    asks.push(Ask::ShowHardware(report.id));
                }
            } else {
                ui.label(text).on_hover_text(&piece.tooltip);
            }
        }
    });
}

/// What stands behind the state, the most important last.
fn pieces(ui: &Ui, view: &View, report: &MachineReport) -> Vec<Piece> {
    let p = palette(ui);
    let mut pieces = Vec::new();
    if let Some(text) = since_text(view, report) {
        let span = report.since.span_to(view.now);
        let moment = report.since.utc();
        pieces.push(Piece {
            text,
            color: p.dim,
            tooltip: fill(
                "{span}, since {moment} UTC",
                &[("span", &told(&span)), ("moment", &moment)],
            ),
            leads: false,
        });
    }
    if let (Some(accelerator), true) = (report.accelerator, report.state.has_process()) {
        pieces.push(accelerator_piece(ui, view, accelerator));
    }
    if report.pending() {
        pieces.push(Piece {
            text: if ui.available_width() > LONG_PENDING {
                tr("changes wait for the next start").to_owned()
            } else {
                tr("changes wait").to_owned()
            },
            color: p.accent_text,
            tooltip: tr("Changes of the hardware wait for the next start. Click to see them")
                .to_owned(),
            leads: true,
        });
    }
    pieces
}

fn since_text(view: &View, report: &MachineReport) -> Option<String> {
    let span = || report.since.span_to(view.now);
    match report.state {
        State::Running => Some(fill("up {span}", &[("span", &told(&span()))])),
        State::Paused => Some(fill("for {span}", &[("span", &told(&span()))])),
        State::Off | State::Saved | State::Crashed | State::NotResponding => {
            Some(told(&report.since.ago(view.now)).into_owned())
        }
        State::Stopping => report.force_after.map(|at| {
            if at > view.now {
                let left = view.now.span_to(at);
                fill("{span} left for the guest", &[("span", &told(&left))])
            } else {
                tr("the guest does not react").to_owned()
            }
        }),
        State::Starting | State::Saving | State::Broken | State::Unavailable => None,
    }
}

fn accelerator_piece(ui: &Ui, view: &View, accelerator: Accelerator) -> Piece {
    let p = palette(ui);
    let computer = view.computer.as_ref();
    let reason = computer.map(|computer| told(&computer.accelerator.reason).into_owned());
    match accelerator {
        Accelerator::Kvm => Piece {
            text: "KVM".to_owned(),
            color: p.dim,
            tooltip: tr("The processor runs the guest itself").to_owned(),
            leads: false,
        },
        Accelerator::Tcg => {
            let why = reason.unwrap_or_else(|| tr("KVM is not used").to_owned());
            Piece {
                text: tr("software emulation").to_owned(),
                color: p.warn,
                tooltip: fill("Slower than KVM. {why}", &[("why", &why)]),
                leads: false,
            }
        }
    }
}

/// The buttons at the right, from the right.
fn buttons_ui(ui: &mut Ui, view: &View, report: &MachineReport, plan: Plan, asks: &mut Vec<Ask>) {
    let handed_over = view.handed_over;
    let button = |ui: &mut Ui, action, shape, asks: &mut Vec<Ask>| {
        actions::button(ui, report, action, shape, handed_over, asks);
    };
    kit::menu_button(ui, true, Icon::Ellipsis, tr("More actions"), |ui| {
        for action in MORE {
            button(ui, action, Shape::MenuItem, asks);
            if action == Action::OpenConsole && report.heads() > 1 {
                screens::menu_ui(ui, view, report, asks);
            }
            if matches!(
                action,
                Action::DiscardSaved | Action::PowerOff | Action::Clone | Action::OpenConsole
            ) {
                ui.separator();
            }
        }
    });
    if report.state.has_screen() {
        keys::keys_menu_ui(ui, view, report, asks);
    }
    for action in plan.actions(report.state) {
        button(ui, action, plan.shape(action), asks);
    }
    let main = main_action(report.state);
    let shape = match main {
        Action::Pause => Shape::Secondary,
        Action::PowerOff => Shape::Danger,
        _ => Shape::Primary,
    };
    button(ui, main, shape, asks);
}
