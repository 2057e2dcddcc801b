//! What each action looks like: its icon, shortcut and how it is asked for.

use egui::{Key, KeyboardShortcut, Modifiers, Ui};

use super::Ask;
use super::icon::Icon;
use super::kit;
use super::shortcuts;
use crate::engine::message::Command;
use crate::language::{told, tr};
use crate::model::{Action, MachineReport, State, permit};

const fn ctrl(key: Key) -> Option<KeyboardShortcut> {
    Some(KeyboardShortcut::new(Modifiers::COMMAND, key))
}

const fn ctrl_shift(key: Key) -> Option<KeyboardShortcut> {
    Some(KeyboardShortcut::new(
        Modifiers::COMMAND.plus(Modifiers::SHIFT),
        key,
    ))
}

/// What a screen shows of an action beside its word and explanation.
pub struct Look {
    pub icon: Icon,
    /// The usual one; what the user made of it is in [`shortcuts::in_use`].
    pub shortcut: Option<KeyboardShortcut>,
}

/// The look of `action`.
pub fn look(action: Action) -> Look {
    let (icon, shortcut) = match action {
        Action::Start => (Icon::Play, ctrl(Key::R)),
        Action::Pause => (Icon::Pause, ctrl(Key::P)),
        Action::Resume => (Icon::StepForward, ctrl_shift(Key::P)),
        Action::ShutDown => (Icon::Power, ctrl(Key::D)),
        Action::PowerOff => (Icon::PlugZap, ctrl_shift(Key::D)),
        Action::Reset => (Icon::RotateCcw, ctrl_shift(Key::R)),
        Action::Save => (Icon::Save, ctrl(Key::S)),
        Action::DiscardSaved => (Icon::Eraser, None),
        Action::Snapshot => (Icon::Bookmark, ctrl(Key::B)),
        Action::Rewind => (Icon::History, ctrl(Key::H)),
        Action::Fork => (Icon::GitFork, ctrl(Key::G)),
        Action::Try => (Icon::FlaskConical, ctrl_shift(Key::G)),
        Action::Clone => (Icon::Copy, None),
        Action::Keep => (Icon::HeartHandshake, None),
        Action::KeepMoment => (Icon::BookmarkPlus, None),
        Action::Discard => (Icon::Trash2, None),
        Action::OpenConsole => (Icon::AppWindow, ctrl(Key::O)),
        Action::Screenshot => (Icon::Camera, ctrl_shift(Key::S)),
        Action::SendKeys => (Icon::Keyboard, None),
        Action::Edit => (Icon::Pencil, ctrl(Key::E)),
        Action::Delete => (Icon::Trash2, ctrl(Key::Delete)),
        Action::Restore => (Icon::ArchiveRestore, None),
        Action::DeleteForever => (Icon::Trash2, None),
        Action::Repair => (Icon::ArchiveRestore, None),
    };
    Look { icon, shortcut }
}

/// Things to ask for that belong to the window, not to a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Errand {
    NewMachine,
    Search,
    ShowTrash,
    ShowComputer,
    ShowSettings,
    ShowHelp,
    FullScreen,
    /// Silences the open machine, or ends that.
    Mute,
    /// The dialog that types a text into the shown machine.
    TypeText,
    /// The list of all commands.
    Palette,
    /// From a page of the window to the machines.
    Back,
}

impl Errand {
    pub const ALL: [Self; 11] = [
        Self::NewMachine,
        Self::Search,
        Self::ShowTrash,
        Self::ShowComputer,
        Self::ShowSettings,
        Self::ShowHelp,
        Self::FullScreen,
        Self::Mute,
        Self::TypeText,
        Self::Palette,
        Self::Back,
    ];

    /// Word, icon and shortcut.
    pub fn look(self) -> (&'static str, Look) {
        let (word, icon, shortcut) = match self {
            Self::NewMachine => ("New machine", Icon::Plus, ctrl(Key::N)),
            Self::Search => ("Search machines", Icon::Search, ctrl(Key::F)),
            Self::ShowTrash => ("Trash", Icon::Trash2, None),
            Self::ShowComputer => ("This computer", Icon::Monitor, ctrl(Key::I)),
            Self::ShowSettings => ("Settings", Icon::Settings, ctrl(Key::Comma)),
            Self::ShowHelp => (
                "Help",
                Icon::CircleQuestionMark,
                Some(KeyboardShortcut::new(Modifiers::NONE, Key::F1)),
            ),
            Self::FullScreen => (
                "Full screen",
                Icon::Maximize,
                Some(KeyboardShortcut::new(Modifiers::NONE, Key::F11)),
            ),
            Self::Mute => ("Mute or unmute", Icon::VolumeX, ctrl(Key::M)),
            Self::TypeText => ("Type text…", Icon::TextCursorInput, ctrl(Key::T)),
            Self::Palette => ("Commands", Icon::Command, ctrl(Key::K)),
            Self::Back => (
                "Back to the machines",
                Icon::ArrowLeft,
                Some(KeyboardShortcut::new(Modifiers::NONE, Key::Escape)),
            ),
        };
        (word, Look { icon, shortcut })
    }

    pub fn word(self) -> &'static str {
        self.look().0
    }
}

/// Whether `action` can be asked for now, or the reason why not as a sentence.
pub fn verdict(report: &MachineReport, action: Action, handed_over: bool) -> Result<(), String> {
    if handed_over {
        return Err(tr("Another Orangery process has the library now").to_owned());
    }
    permit(report.standing(), action).map_err(|denied| told(&denied.to_string()).into_owned())
}

/// The word for `action` on this machine's button: a saved machine continues.
pub fn word(report: &MachineReport, action: Action) -> &'static str {
    match (action, report.state) {
        (Action::Start, State::Saved) => "Continue",
        (Action::Start, State::Crashed) => "Start again",
        _ => action.name(),
    }
}

/// The explanation of `action` with its shortcut.
fn tooltip(ui: &Ui, action: Action) -> String {
    let explain = tr(action.explain());
    match shortcuts::in_use(ui.ctx()).action(action) {
        Some(shortcut) => format!("{explain} ({})", kit::shortcut_text(&shortcut)),
        None => explain.to_owned(),
    }
}

/// The word of `errand` with its shortcut, for a tooltip.
pub fn errand_hint(ui: &Ui, errand: Errand) -> String {
    let word = tr(errand.word());
    match shortcuts::in_use(ui.ctx()).errand(errand) {
        Some(shortcut) => format!("{word} ({})", kit::shortcut_text(&shortcut)),
        None => word.to_owned(),
    }
}

/// How `action` is asked for once it is allowed.
pub fn ask(report: &MachineReport, action: Action) -> Ask {
    let machine = report.id;
    match action {
        Action::Screenshot => Ask::Screenshot(machine),
        Action::Edit => Ask::ShowHardware(machine),
        Action::DeleteForever => Ask::ConfirmDelete(machine),
        Action::SendKeys => Ask::ShowKeys(machine),
        Action::Rewind => Ask::ShowTimeline(machine),
        Action::Clone => Ask::NewClone(machine, None),
        // The dialog offers what has to be done first.
        Action::Snapshot if has_disks_in_place(report) => Ask::NewSnapshot(machine),
        Action::Start
        | Action::Pause
        | Action::Resume
        | Action::ShutDown
        | Action::PowerOff
        | Action::Reset
        | Action::Save
        | Action::DiscardSaved
        | Action::Snapshot
        | Action::Fork
        | Action::Try
        | Action::Keep
        | Action::KeepMoment
        | Action::Discard
        | Action::OpenConsole
        | Action::Delete
        | Action::Restore
        | Action::Repair => Ask::Engine(Command::Act { machine, action }),
    }
}

fn has_disks_in_place(report: &MachineReport) -> bool {
    let machine = report.machine.as_ref();
    machine.is_some_and(|machine| !machine.disks_in_place().is_empty())
}

/// How an action's button is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    Primary,
    Secondary,
    Danger,
    Icon,
    MenuItem,
}

/// A button for `action` that greys itself out and says why, by the rule the engine enforces.
pub fn button(
    ui: &mut Ui,
    report: &MachineReport,
    action: Action,
    shape: Shape,
    handed_over: bool,
    asks: &mut Vec<Ask>,
) -> egui::Response {
    let verdict = verdict(report, action, handed_over);
    let (enabled, word, icon) = (
        verdict.is_ok(),
        tr(word(report, action)),
        Some(look(action).icon),
    );
    let response = match shape {
        Shape::Primary => kit::primary(ui, enabled, icon, word),
        Shape::Secondary => kit::secondary(ui, enabled, icon, word),
        Shape::Danger => kit::danger(ui, enabled, icon, word),
        Shape::Icon => kit::bare_icon(ui, enabled, look(action).icon, word),
        Shape::MenuItem => {
            let shortcut = shortcuts::in_use(ui.ctx()).action(action);
            kit::menu_item(ui, enabled, icon, word, shortcut.as_ref())
        }
    };
    match verdict {
        Ok(()) => {
            let hint = tooltip(ui, action);
            let response = match shape {
                Shape::Icon => response.on_hover_ui(|ui| kit::hint_ui(ui, word, &hint)),
                _ => response.on_hover_text(hint),
            };
            if response.clicked() {
                asks.push(ask(report, action));
                if shape == Shape::MenuItem {
                    ui.close();
                }
            }
            response
        }
        Err(reason) => {
            let reason = told(&reason);
            match shape {
                Shape::Icon => response.on_disabled_hover_ui(|ui| kit::hint_ui(ui, word, &reason)),
                _ => response.on_disabled_hover_text(reason.as_ref()),
            }
        }
    }
}

/// Asks for what the user pressed a shortcut for, on the machine that is shown.
pub fn press_shortcuts(ui: &Ui, report: &MachineReport, handed_over: bool, asks: &mut Vec<Ask>) {
    let in_use = shortcuts::in_use(ui.ctx());
    let mut bound: Vec<(Action, KeyboardShortcut)> = Action::ALL
        .into_iter()
        .filter_map(|action| Some((action, in_use.action(action)?)))
        .collect();
    // Ctrl+P also matches while Shift is held, so the longer combinations go first.
    bound.sort_by_key(|(_, shortcut)| !shortcut.modifiers.shift);
    for (action, shortcut) in bound {
        if verdict(report, action, handed_over).is_ok()
            && ui.input_mut(|input| input.consume_shortcut(&shortcut))
        {
            asks.push(ask(report, action));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_commands_share_a_shortcut() {
        let mut seen: Vec<(KeyboardShortcut, &str)> = Vec::new();
        let actions = Action::ALL.map(|action| (action.name(), look(action).shortcut));
        let errands = Errand::ALL.map(|errand| (errand.word(), errand.look().1.shortcut));
        for (name, shortcut) in actions.into_iter().chain(errands) {
            let Some(shortcut) = shortcut else { continue };
            for (other, owner) in &seen {
                assert_ne!(*other, shortcut, "{name} and {owner}");
            }
            seen.push((shortcut, name));
        }
    }
}
