//! The page of one machine: its header and what each tab shows.

mod family;
mod family_graph;
mod graphs;
mod hardware;
mod header;
mod keys;
mod kinship;
mod log;
mod overview;
mod screen;
mod sharing;
pub mod sound;
mod terminal;
mod timeline;
mod trouble;

use std::collections::BTreeMap;

use egui::{Margin, ScrollArea, Stroke, Ui};

use super::pointer::Hand;
use super::terminal::TerminalView;
use super::theme::{self, palette};
use super::view::View;
use super::{Ask, kit};
use crate::language::tr;
use crate::model::{Device, DeviceKind, MachineId, MachineReport, Timestamp};
use hardware::HardwareTab;
use kinship::Kinship;
use timeline::TimelineTab;

/// Machines with edits that were not applied; a person works on a few.
const MAX_UNFINISHED: usize = 16;

/// The parts of the page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tab {
    #[default]
    Overview,
    Screen,
    Terminal,
    Timeline,
    Hardware,
    Log,
}

impl Tab {
    const ALL: [Self; 6] = [
        Self::Overview,
        Self::Screen,
        Self::Terminal,
        Self::Timeline,
        Self::Hardware,
        Self::Log,
    ];

    fn word(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Screen => "Screen",
            Self::Terminal => "Terminal",
            Self::Timeline => "Timeline",
            Self::Hardware => "Hardware",
            Self::Log => "Log",
        }
    }
}

/// What only this page remembers between frames.
#[derive(Default)]
pub struct MachinePage {
    machine: Option<MachineId>,
    pub tab: Tab,
    hand: Hand,
    kinship: Kinship,
    /// The name that is being typed.
    rename: Option<String>,
    terminal: TerminalView,
    /// Just turned to: which tab suits the machine is not looked at yet.
    fresh: bool,
    pub timeline: TimelineTab,
    hardware: HardwareTab,
    /// Edits of other machines that were not applied yet.
    unfinished: BTreeMap<MachineId, HardwareTab>,
    /// The user chose to keep waiting for the guest, or for QEMU, at that time.
    waiting_since: Option<Timestamp>,
    /// The command line was asked for.
    asked_command_line: bool,
    /// QEMU's log was asked for, of this process or of none.
    asked_log: Option<Option<u32>>,
}

impl MachinePage {
    /// Turns to another machine; what was edited of the last one is kept until it is shown again.
    fn turn_to(&mut self, machine: MachineId) {
        if self.machine != Some(machine) {
            let tab = self.tab;
            let mut unfinished = std::mem::take(&mut self.unfinished);
            let last = std::mem::take(&mut self.hardware);
            if let Some(id) = self.machine.filter(|_| last.edited()) {
                if unfinished.len() >= MAX_UNFINISHED {
                    unfinished.pop_first();
                }
                unfinished.insert(id, last);
            }
            let hardware = unfinished.remove(&machine).unwrap_or_default();
            *self = Self {
                machine: Some(machine),
                tab: match tab {
                    Tab::Screen | Tab::Terminal => tab,
                    Tab::Overview | Tab::Timeline | Tab::Hardware | Tab::Log => Tab::Overview,
                },
                fresh: true,
                hardware,
                unfinished,
                ..Self::default()
            };
        }
    }

    /// Shows the screen tab.
    pub fn show_screen(&mut self, machine: MachineId) {
        self.turn_to(machine);
        self.tab = Tab::Screen;
        self.fresh = true;
    }

    /// A machine without a screen is first seen by its console, one without a console by its screen or its graphs.
    fn suit(&mut self, report: &MachineReport) {
        if !std::mem::take(&mut self.fresh) {
            return;
        }
        let is_display = |device: &Device| matches!(device.kind, DeviceKind::Display(_));
        let has_screen = report
            .machine
            .as_ref()
            .is_none_or(|machine| machine.devices.iter().any(is_display));
        match (self.tab, terminal::present(report)) {
            (Tab::Overview | Tab::Screen, true) if !has_screen => self.tab = Tab::Terminal,
            (Tab::Terminal, false) => self.tab = Tab::Overview,
            _ => {}
        }
    }

    /// Shows the timeline.
    pub fn show_timeline(&mut self, machine: MachineId) {
        self.turn_to(machine);
        self.fresh = false;
        self.tab = Tab::Timeline;
        self.timeline.ask_keyboard();
    }

    /// Shows the hardware tab.
    pub fn edit(&mut self, machine: MachineId) {
        self.turn_to(machine);
        self.fresh = false;
        self.tab = Tab::Hardware;
    }

    /// Whether the live screen is wanted.
    pub fn wants_screen(&self, report: &MachineReport) -> bool {
        report.state.has_screen()
            && matches!(self.tab, Tab::Overview | Tab::Screen)
            && (self.tab == Tab::Screen || !report.console_open())
    }

    /// Whether the graphs are in sight, and something can be measured.
    pub fn wants_graphs(&self, report: &MachineReport) -> bool {
        report.state.has_process() && self.tab == Tab::Overview
    }

    /// A file that was chosen for a drive or a new disk.
    pub fn picked(&mut self, machine: MachineId, path: &std::path::Path) {
        if self.machine == Some(machine)
            && let Some(form) = &mut self.hardware.form
        {
            form.take_file(path);
        }
    }

    pub fn ui(&mut self, ui: &mut Ui, view: &View, report: &MachineReport, asks: &mut Vec<Ask>) {
        self.turn_to(report.id);
        self.suit(report);
        let whole = ui.max_rect();
        // Nothing lies below the frame: a guest's text begins at the very edge of its screen.
        egui::Frame::NONE
            .inner_margin(family::frame_width(report))
            .show(ui, |ui| self.page_ui(ui, view, report, asks));
        family::frame_ui(ui, whole, report);
    }

    fn page_ui(&mut self, ui: &mut Ui, view: &View, report: &MachineReport, asks: &mut Vec<Ask>) {
        let margin = Margin {
            left: 22,
            right: 22,
            top: 18,
            bottom: 0,
        };
        egui::Frame::NONE.inner_margin(margin).show(ui, |ui| {
            header::header_ui(ui, self, view, report, asks);
            family::nothing_kept_ui(ui, view, report, asks);
            self.tabs_ui(ui);
        });
        match self.tab {
            Tab::Screen => screen::screen_tab_ui(ui, self, view, report, asks),
            Tab::Terminal => terminal::terminal_tab_ui(ui, self, view, report, asks),
            Tab::Timeline => {
                timeline::timeline_tab_ui(ui, &mut self.timeline, view, report, asks);
            }
            Tab::Hardware => hardware::hardware_tab_ui(ui, self, view, report, asks),
            Tab::Overview | Tab::Log => self.scrolled_ui(ui, view, report, asks),
        }
    }

    /// The guest's screen over the whole window.
    pub fn full_screen_ui(
        &mut self,
        ui: &mut Ui,
        view: &View,
        report: &MachineReport,
        asks: &mut Vec<Ask>,
    ) {
        self.turn_to(report.id);
        screen::screen_tab_ui(ui, self, view, report, asks);
    }

    fn tabs_ui(&mut self, ui: &mut Ui) {
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = 22.0;
            for tab in Tab::ALL {
                if kit::tab(ui, self.tab == tab, tr(tab.word())) {
                    self.tab = tab;
                }
            }
        });
        let y = ui.cursor().top() - ui.spacing().item_spacing.y;
        let line = Stroke::new(1.0, palette(ui).line);
        ui.painter().hline(ui.max_rect().x_range(), y, line);
        ui.add_space(-ui.spacing().item_spacing.y);
    }

    fn scrolled_ui(
        &mut self,
        ui: &mut Ui,
        view: &View,
        report: &MachineReport,
        asks: &mut Vec<Ask>,
    ) {
        ScrollArea::vertical()
            .id_salt((report.id, self.tab.word()))
            .auto_shrink(false)
            .show(ui, |ui| {
                let margin = Margin::symmetric(22, theme::PADDING);
                egui::Frame::NONE.inner_margin(margin).show(ui, |ui| {
                    ui.set_width(ui.available_width());
                    trouble::trouble_ui(ui, self, view, report, asks);
                    match self.tab {
                        Tab::Overview => overview::overview_ui(ui, self, view, report, asks),
                        Tab::Log => log::log_ui(ui, self, view, report, asks),
                        Tab::Screen | Tab::Terminal | Tab::Timeline | Tab::Hardware => {}
                    }
                });
            });
    }
}
