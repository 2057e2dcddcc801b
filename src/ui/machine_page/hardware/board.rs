//! Firmware, board and clock: what a guest finds before anything else.

use egui::Ui;

use super::{Desk, HardwareForm, words};
use crate::language::tr;
use crate::model::{Board, Change, Clock, FirmwareKind, Part};
use crate::ui::kit;

pub(super) fn board_ui(ui: &mut Ui, form: &mut HardwareForm, _desk: &mut Desk<'_>) {
    let mut firmware = form.draft.firmware.kind;
    let complaint = form.complaint(&Part::Firmware);
    kit::field(ui, tr("Firmware"), complaint.as_deref(), |ui, _| {
        let choices = FirmwareKind::ALL.map(|kind| (kind, tr(kind.label())));
        if kit::segmented(ui, &mut firmware, &choices) {
            form.edit(Change::Firmware(firmware));
        }
    });
    kit::hint(ui, firmware_text(form.draft.firmware.kind));
    if form.draft.firmware.kind != form.base.firmware.kind {
        kit::warning(
            ui,
            tr(
                "An installed system often does not start with another firmware; its firmware settings start anew",
            ),
        );
    }
    ui.add_space(4.0);
    let mut board = form.draft.board();
    let complaint = form.complaint(&Part::Board);
    kit::field(ui, tr("Board"), complaint.as_deref(), |ui, _| {
        let choices = Board::ALL.map(|board| (board, words::board(board)));
        if kit::segmented(ui, &mut board, &choices) {
            form.edit(Change::Board(board));
        }
    });
    kit::hint(ui, board_text(form.draft.board()));
    if form.draft.board() != form.base.board() {
        kit::warning(
            ui,
            tr(
                "SATA disks become IDE disks or the other way round, and cards move: Windows may ask to be activated again",
            ),
        );
    }
    let machine =
        crate::language::fill("Machine type {type}", &[("type", &form.draft.machine_type)]);
    kit::hint(ui, &machine);
}

fn firmware_text(kind: FirmwareKind) -> &'static str {
    match kind {
        FirmwareKind::Bios => tr("Starts every system made for PCs until about 2020"),
        FirmwareKind::Uefi => {
            tr("Starts 64-bit systems since about 2012; needed for disks over 2 TiB")
        }
        FirmwareKind::Secure => {
            tr("Starts only boot loaders that are signed, as Windows 11 wants; needs the q35 board")
        }
    }
}

fn board_text(board: Board) -> &'static str {
    match board {
        Board::Q35 => {
            tr("PCI Express and SATA, of 2009: right for every system of the last 15 years")
        }
        Board::I440fx => tr(
            "PCI and IDE, of 1996: for systems that don't find their disk on the q35, such as Windows XP or OS/2",
        ),
    }
}

pub(super) fn clock_ui(ui: &mut Ui, form: &mut HardwareForm, _desk: &mut Desk<'_>) {
    let mut clock = form.draft.clock;
    kit::field(ui, tr("The hardware clock shows"), None, |ui, _| {
        let choices = [Clock::Utc, Clock::Local].map(|clock| (clock, words::clock(clock)));
        if kit::segmented(ui, &mut clock, &choices) {
            form.edit(Change::Clock(clock));
        }
    });
    let text = match form.draft.clock {
        Clock::Utc => tr("As Linux and the BSDs expect"),
        Clock::Local => tr("As DOS and Windows expect"),
    };
    kit::hint(ui, text);
}
