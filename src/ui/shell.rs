//! The window as a whole: library, page, footer, dialogs, toasts.

use std::path::Path;

use egui::{Frame, Margin, Panel, Ui};

use super::actions::{self, Errand};
use super::album::{PictureSize, Wish};
use super::brand::Brand;
use super::close_dialog::CloseDialog;
use super::confirmation::Confirmation;
use super::copy_dialog::CopyDialog;
use super::help_page::HelpPage;
use super::lab_page::LabPage;
use super::library::LibraryList;
use super::machine_page::{MachinePage, Tab, sound};
use super::new_machine::NewMachineDialog;
use super::palette::CommandPalette;
use super::parting::EndedDialog;
use super::settings_page::SettingsPage;
use super::snapshot_dialog::SnapshotDialog;
use super::theme::{self, palette};
use super::trash_page::TrashPage;
use super::type_dialog::TypeDialog;
use super::view::View;
use super::{
    Ask, FilePick, computer_page, empty_page, footer, making, page, report_dialog, shortcuts,
    terminal, toasts,
};
use crate::model::{Action, Failure, LabId, MachineId, MachineReport, NewMachine, Recognised};

/// What the right side shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Page {
    /// The chosen machine, or the empty library.
    #[default]
    Machine,
    Computer,
    Trash,
    Settings,
    Help,
    Lab(LabId),
}

/// What the window remembers between frames.
#[derive(Default)]
pub struct Shell {
    pub page: Page,
    chosen: Option<MachineId>,
    /// What the chosen one was made of.
    chosen_from: Option<MachineId>,
    pub library: LibraryList,
    pub machine_page: MachinePage,
    trash: TrashPage,
    new_machine: Option<NewMachineDialog>,
    typing: Option<TypeDialog>,
    snapshot: Option<SnapshotDialog>,
    copy: Option<CopyDialog>,
    palette: Option<CommandPalette>,
    close: CloseDialog,
    ended: EndedDialog,
    settings: SettingsPage,
    help: HelpPage,
    lab_page: LabPage,
    confirmation: Confirmation,
    brand: Brand,
}

impl Shell {
    /// The machine whose page is open.
    pub fn shown<'a>(&self, view: &'a View) -> Option<&'a MachineReport> {
        let chosen = self.chosen.filter(|_| self.page == Page::Machine)?;
        view.machine(chosen)
            .filter(|report| report.trashed().is_none())
    }

    /// What is wrong with the machine whose page is open, if that page says it.
    pub fn shows_trouble<'a>(&self, view: &'a View) -> Option<&'a Failure> {
        let says = matches!(self.machine_page.tab, Tab::Overview | Tab::Log) && !view.full_screen;
        self.shown(view).filter(|_| says)?.trouble.as_ref()
    }

    /// The machine whose live screen is wanted.
    pub fn wants_screen(&self, view: &View) -> Option<MachineId> {
        self.shown(view)
            .filter(|report| self.machine_page.wants_screen(report))
            .map(|report| report.id)
    }

    /// The machine whose serial console is in sight.
    pub fn wants_terminal(&self, view: &View) -> Option<MachineId> {
        self.shown(view)
            .filter(|_| self.machine_page.tab == Tab::Terminal && !view.full_screen)
            .map(|report| report.id)
    }

    /// The machine whose graphs are in sight.
    pub fn wants_graphs(&self, view: &View) -> Option<MachineId> {
        self.shown(view)
            .filter(|report| self.machine_page.wants_graphs(report) && !view.full_screen)
            .map(|report| report.id)
    }

    /// The machine whose timeline is in sight.
    pub fn wants_timeline(&self, view: &View) -> Option<MachineId> {
        self.shown(view)
            .filter(|_| self.machine_page.tab == Tab::Timeline && !view.full_screen)
            .map(|report| report.id)
    }

    /// Pictures of snapshots that would be shown, the most wanted first.
    pub fn wanted_pictures(&self, view: &View) -> Vec<Wish> {
        let large = |it| Wish::last_of(it, PictureSize::Large);
        let mut wishes = match self.wants_timeline(view) {
            Some(_) => self.machine_page.timeline.wishes().to_vec(),
            None if matches!(self.page, Page::Lab(_)) => self.lab_page.wishes().to_vec(),
            None => Vec::from_iter(self.shown(view).and_then(large)),
        };
        wishes.extend(view.last_pictures(&self.in_sight()));
        wishes
    }

    /// The machines whose thumbnails are in sight.
    pub fn in_sight(&self) -> Vec<MachineId> {
        let mut all = self.library.in_sight.clone();
        if matches!(self.page, Page::Lab(_)) {
            all.extend(self.lab_page.in_sight());
            all.sort_unstable();
            all.dedup();
        }
        all
    }

    pub fn select(&mut self, machine: MachineId) {
        self.chosen = Some(machine);
        self.page = Page::Machine;
    }

    pub fn show_lab(&mut self, lab: LabId) {
        self.library.unmark();
        self.page = Page::Lab(lab);
    }

    /// Shows a machine's page with its screen and the ways to press keys.
    fn show_keys(&mut self, machine: MachineId) {
        self.select(machine);
        self.machine_page.tab = Tab::Screen;
    }

    /// Shows a machine's page with its screen.
    pub fn show_screen(&mut self, machine: MachineId) {
        self.select(machine);
        self.machine_page.show_screen(machine);
    }

    /// A file chosen by the file chooser.
    pub fn picked(&mut self, view: &View, pick: FilePick, path: &Path) {
        match pick {
            FilePick::NewMachine => match &mut self.new_machine {
                Some(dialog) => dialog.take_file(view, path),
                None => self.open_new_machine(view, Some(path)),
            },
            FilePick::Medium(id) | FilePick::Floppy(id) | FilePick::DiskImage(id) => {
                self.machine_page.picked(id, path);
            }
            FilePick::LibraryFolder => self.settings.picked_folder(path),
        }
    }

    /// What the engine found a file to be.
    pub fn looked(&mut self, view: &View, path: &Path, found: Result<Recognised, Failure>) {
        if let Some(dialog) = &mut self.new_machine {
            dialog.looked(view, path, found);
        }
    }

    /// A file dropped on the window.
    pub fn dropped(&mut self, view: &View, path: &Path) {
        self.picked(view, FilePick::NewMachine, path);
    }

    fn open_new_machine(&mut self, view: &View, file: Option<&Path>) {
        if !view.handed_over {
            self.new_machine = Some(NewMachineDialog::new(view, file));
        }
    }

    /// Shows the dialog again after what it asked for failed.
    pub fn retry_new_machine(&mut self, view: &View, spec: &NewMachine) {
        if self.new_machine.is_none() {
            self.new_machine = Some(NewMachineDialog::again(view, spec));
        }
    }

    fn type_into(&mut self, view: &View, machine: Option<MachineId>) {
        let report = machine.and_then(|id| view.machine(id));
        let able = |report: &&MachineReport| {
            actions::verdict(report, Action::SendKeys, view.handed_over).is_ok()
        };
        self.typing = report.filter(able).map(TypeDialog::new);
    }

    /// How typing ended; returns a failure that no dialog shows.
    pub fn typed(&mut self, machine: MachineId, result: Result<(), Failure>) -> Option<Failure> {
        match &mut self.typing {
            Some(dialog) => {
                if dialog.answered(machine, result) {
                    self.typing = None;
                }
                None
            }
            None => result.err(),
        }
    }

    pub fn run_errand(&mut self, view: &View, errand: Errand) {
        match errand {
            Errand::NewMachine => self.open_new_machine(view, None),
            Errand::Search if self.page == Page::Help => self.help.focus_search(),
            Errand::Search => self.library.focus_search(),
            Errand::ShowTrash => self.page = Page::Trash,
            Errand::ShowComputer => self.page = Page::Computer,
            Errand::ShowSettings => self.page = Page::Settings,
            Errand::ShowHelp => self.page = Page::Help,
            Errand::Back => self.page = Page::Machine,
            Errand::Palette => self.palette = Some(CommandPalette::default()),
            Errand::Mute => {} // For the engine, see `settle`.
            Errand::FullScreen => {
                if self.shown(view).is_some() {
                    self.machine_page.tab = Tab::Screen;
                }
            }
            Errand::TypeText => self.type_into(view, self.shown(view).map(|report| report.id)),
        }
    }

    /// Does what concerns only the window; what is left is for the app.
    fn settle(&mut self, view: &View, asks: Vec<Ask>) -> Vec<Ask> {
        let mut left = Vec::new();
        for ask in asks {
            match ask {
                Ask::Select(machine) => self.select(machine),
                Ask::ShowHardware(machine) => {
                    self.select(machine);
                    self.machine_page.edit(machine);
                }
                Ask::ShowLab(lab) => self.show_lab(lab),
                Ask::NewLab(machines) => self.lab_page.new_lab(machines),
                Ask::ShowTimeline(machine) => {
                    self.select(machine);
                    self.machine_page.show_timeline(machine);
                }
                Ask::NewSnapshot(machine) => self.snapshot = Some(SnapshotDialog::take(machine)),
                Ask::NewClone(machine, at) => self.copy = Some(CopyDialog::clone_of(machine, at)),
                Ask::NameSnapshot(machine, snapshot) => {
                    self.snapshot = Some(SnapshotDialog::edit(view, machine, snapshot));
                }
                Ask::ShowKeys(machine) => self.show_keys(machine),
                Ask::TypeInto(machine) => self.type_into(view, Some(machine)),
                Ask::ConfirmDelete(machine) => self.trash.confirm_delete(machine),
                Ask::Rename(machine) => self.library.rename(view, machine),
                Ask::EditTags(machines) => self.library.edit_tags(view, machines),
                Ask::ArrangeList(list) => self.library.arrange_by(|now| *now = list),
                Ask::ShowSettings(section) => {
                    self.settings.section = section;
                    self.page = Page::Settings;
                }
                Ask::Engine(ref command) if self.confirmation.holds(view, command) => {}
                Ask::Many(commands) => {
                    let mut passed = commands;
                    passed.retain(|command| !self.confirmation.holds(view, command));
                    if !passed.is_empty() {
                        left.push(Ask::Many(passed));
                    }
                }
                Ask::Errand(Errand::Mute) => {
                    left.extend(self.shown(view).map(sound::toggle_mute));
                }
                Ask::Errand(errand) => {
                    self.run_errand(view, errand);
                    if errand == Errand::FullScreen {
                        left.push(ask);
                    }
                }
                Ask::Engine(_)
                | Ask::Pick(_)
                | Ask::Screenshot(_)
                | Ask::Record(_)
                | Ask::CommandLine(_)
                | Ask::OpenLink(_)
                | Ask::SaveReport(_)
                | Ask::SaveSerialLog(_)
                | Ask::OpenFolder(_)
                | Ask::CloseReport
                | Ask::DismissToast(_)
                | Ask::PutBack(..)
                | Ask::GuestSize(..)
                | Ask::Pointer(..)
                | Ask::Capture(_)
                | Ask::GiveClipboard
                | Ask::TakeClipboard
                | Ask::SaveCopy(_)
                | Ask::Leave(_) => left.push(ask),
            }
        }
        left
    }

    /// Draws everything; returns what the app has to do.
    pub fn ui(&mut self, ui: &mut Ui, view: &View) -> Vec<Ask> {
        let mut asks = Vec::new();
        shortcuts::put_in_use(ui.ctx(), &view.program.shortcuts);
        self.choose_something(view);
        self.shortcuts(ui, view, &mut asks);
        match self.shown(view).filter(|_| view.full_screen) {
            Some(report) => {
                self.machine_page
                    .full_screen_ui(ui, view, report, &mut asks);
            }
            None => self.window_ui(ui, view, &mut asks),
        }
        self.dialogs_ui(ui, view, &mut asks);
        toasts::toasts_ui(ui, &view.toasts, &mut asks);
        if ui.input(|input| !input.raw.hovered_files.is_empty()) {
            empty_page::drop_hint_ui(ui, view);
        }
        let mut left = self.settle(view, asks);
        self.confirmation.ui(ui, view, &mut left); // What it asked for already passes.
        left
    }

    /// Keeps a machine chosen as long as there is one: after a copy the one that it was made of.
    fn choose_something(&mut self, view: &View) {
        let there = |id| view.machine(id).filter(|report| report.trashed().is_none());
        if self.chosen.and_then(there).is_none() {
            let parent = self.chosen_from.and_then(there);
            let other = parent.or_else(|| view.machines().next());
            self.chosen = other.map(|report| report.id);
        }
        let machine = self
            .chosen
            .and_then(there)
            .and_then(|it| it.machine.as_ref());
        self.chosen_from = machine.and_then(|it| Some(it.descent.as_ref()?.from));
    }

    /// Whether a dialog is open.
    fn asks_something(&self, view: &View) -> bool {
        let windows = [
            self.new_machine.is_some(),
            self.palette.is_some(),
            self.typing.is_some(),
            self.snapshot.is_some(),
            self.copy.is_some(),
            self.confirmation.is_open(),
            self.machine_page.timeline.asks_something(),
            self.lab_page.asks_something(),
            view.leaving.is_some(),
            view.program.report.is_some(),
        ];
        windows.contains(&true)
    }

    fn shortcuts(&self, ui: &Ui, view: &View, asks: &mut Vec<Ask>) {
        let typing = view.captured.is_some() || terminal::has_focus(ui.ctx());
        // Escape closes an open menu, and no page with it.
        let asks_something =
            self.asks_something(view) || self.ended.is_open() || egui::Popup::is_any_open(ui.ctx());
        if asks_something || typing || self.settings.wants_keys() {
            return;
        }
        shortcuts::scale_ui(ui, view, asks);
        let searches = self.page == Page::Help && self.help.searches();
        let own_escape = self.page == Page::Machine || searches;
        for errand in Errand::ALL {
            if errand == Errand::Back && own_escape {
                continue; // Escape means other things there.
            }
            if let Some(shortcut) = view.program.shortcuts.errand(errand)
                && ui.input_mut(|input| input.consume_shortcut(&shortcut))
            {
                asks.push(Ask::Errand(errand));
            }
        }
        // A row with the keyboard is meant, else the open page.
        let row = self.library.focused().and_then(|id| view.machine(id));
        let timeline = &self.machine_page.timeline;
        let free = timeline.has_keyboard() || ui.memory(|memory| memory.focused().is_none());
        if let Some(report) = row.or_else(|| self.shown(view).filter(|_| free)) {
            actions::press_shortcuts(ui, report, view.handed_over, asks);
        }
    }

    fn window_ui(&mut self, ui: &mut Ui, view: &View, asks: &mut Vec<Ask>) {
        let p = palette(ui);
        let shown = self.shown(view).map(|report| report.id);
        Panel::left("library")
            .exact_size(theme::SIDEBAR)
            .resizable(false)
            .show_separator_line(false)
            .frame(Frame::NONE.fill(p.side).inner_margin(Margin::same(14)))
            .show(ui, |ui| {
                making::making_ui(ui, view, asks);
                let lab = match self.page {
                    Page::Lab(lab) => Some(lab),
                    _ => None,
                };
                self.library.ui(ui, view, (shown, lab), asks);
            });
        Panel::bottom("footer")
            .exact_size(theme::FOOTER)
            .show_separator_line(false)
            .frame(
                Frame::NONE
                    .fill(p.side)
                    .inner_margin(Margin::symmetric(14, 0)),
            )
            .show(ui, |ui| footer::footer_ui(ui, view, asks));
        egui::CentralPanel::default()
            .frame(Frame::NONE)
            .show(ui, |ui| {
                // The live screen paints its own ground; nothing may lie under a picture.
                if !self.is_live(view) {
                    let room = ui.max_rect();
                    ui.painter().rect_filled(room, 0.0, p.background);
                }
                self.page_ui(ui, view, asks);
            });
    }

    fn is_live(&self, view: &View) -> bool {
        let live = view.screen.as_ref().map(|screen| screen.machine);
        self.machine_page.tab == Tab::Screen
            && live.is_some()
            && self.shown(view).map(|report| report.id) == live
    }

    fn page_ui(&mut self, ui: &mut Ui, view: &View, asks: &mut Vec<Ask>) {
        if view.handed_over {
            page::handed_over_ui(ui);
        }
        if self.page != Page::Settings {
            self.settings.leave();
        }
        if self.page != Page::Help {
            self.help.leave();
        }
        match self.page {
            Page::Machine => match self.shown(view) {
                Some(report) => self.machine_page.ui(ui, view, report, asks),
                None if view.is_empty() => {
                    empty_page::empty_ui(ui, &mut self.brand, view, asks);
                }
                None if !view.whole => {}
                None => empty_page::nothing_chosen_ui(ui),
            },
            Page::Computer => computer_page::computer_ui(ui, view, asks),
            Page::Trash => self.trash.ui(ui, view, asks),
            Page::Settings => self.settings.ui(ui, view, asks),
            Page::Help => self.help.ui(ui, view, asks),
            Page::Lab(lab) => self.lab_page.ui(ui, view, lab, asks),
        }
    }

    fn dialogs_ui(&mut self, ui: &Ui, view: &View, asks: &mut Vec<Ask>) {
        if let Some(dialog) = &mut self.new_machine
            && !dialog.ui(ui, view, asks)
        {
            self.new_machine = None;
        }
        if let Some(dialog) = &mut self.typing
            && !dialog.ui(ui, view, asks)
        {
            self.typing = None;
        }
        if let Some(dialog) = &mut self.snapshot
            && !dialog.ui(ui, view, asks)
        {
            self.snapshot = None;
        }
        if let Some(dialog) = &mut self.copy
            && !dialog.ui(ui, view, asks)
        {
            self.copy = None;
        }
        if let Some(mut palette) = self.palette.take() {
            let marked = self.library.marked(view);
            if palette.ui(ui, view, self.shown(view), &marked, asks) {
                self.palette = Some(palette);
            }
        }
        self.lab_page.dialogs_ui(ui, view, asks);
        self.trash.questions_ui(ui, view, asks);
        let free = !self.asks_something(view) && view.captured.is_none();
        self.ended.ui(ui, view, free, asks);
        self.close.ui(ui, view, asks);
        report_dialog::report_ui(ui, view, asks);
    }
}
