//! The speaker in the screen's bar: how loud the machine is, why it is silent, and whether it hears the microphone.

use egui::{Frame, RichText, Ui};

use crate::engine::message::Command;
use crate::language::{fill, told, tr};
use crate::model::{Change, MachineId, MachineReport, SoundSettings, SoundState};
use crate::ui::Ask;
use crate::ui::icon::{self, Icon};
use crate::ui::kit::{self, Scale};
use crate::ui::theme::palette;

/// Between two volumes that are told while the slider is dragged, in seconds: each is written to disk.
const TOLD_EVERY: f64 = 0.15;
/// A volume that was not taken until then is not coming any more.
const GIVEN_UP: f64 = 3.0;
const WIDTH: f32 = 280.0;

/// What the machine's sound looks like, from afar.
pub fn glyph(report: &MachineReport) -> Icon {
    let settings = settings(report);
    match report.sound.state {
        SoundState::NoCard
        | SoundState::NoWay
        | SoundState::Unavailable(_)
        | SoundState::NoDevice(_) => Icon::VolumeOff,
        _ if settings.muted || settings.volume == 0 => Icon::VolumeX,
        SoundState::Off | SoundState::Silent => Icon::Volume1,
        SoundState::Playing => Icon::Volume2,
    }
}

/// What becomes of the machine's sound, as a sentence.
pub fn sentence(report: &MachineReport) -> String {
    let settings = settings(report);
    match &report.sound.state {
        SoundState::Off => tr("The machine does not run").to_owned(),
        SoundState::NoCard => tr("The machine has no sound card").to_owned(),
        SoundState::NoWay => tr(
            "This start has no way for sound; the next one has, if QEMU's D-Bus modules are installed",
        )
        .to_owned(),
        SoundState::Unavailable(why) | SoundState::NoDevice(why) => told(why).into_owned(),
        SoundState::Silent => tr("The guest plays nothing").to_owned(),
        SoundState::Playing if settings.muted => tr("The guest plays, and it is muted").to_owned(),
        SoundState::Playing => {
            let volume = settings.volume.to_string();
            fill("The guest plays, at {volume} %", &[("volume", &volume)])
        }
    }
}

fn settings(report: &MachineReport) -> SoundSettings {
    let machine = report.machine.as_ref();
    machine.map(|machine| machine.sound).unwrap_or_default()
}

fn change(machine: MachineId, change: Change) -> Ask {
    let changes = vec![change];
    Ask::Engine(Command::Change { machine, changes })
}

/// Mutes the machine, or ends that.
pub fn toggle_mute(report: &MachineReport) -> Ask {
    change(report.id, Change::Muted(!settings(report).muted))
}

/// The sign that the guest hears this computer's microphone, and the speaker, which opens what there is to choose.
pub(super) fn sound_ui(
    ui: &mut Ui,
    report: &MachineReport,
    handed_over: bool,
    asks: &mut Vec<Ask>,
) {
    let sentence = sentence(report);
    let button = kit::icon_button(ui, true, glyph(report), tr("Sound"));
    egui::Popup::from_toggle_button_response(&button)
        .align(egui::RectAlign::TOP_END)
        .close_behavior(egui::PopupCloseBehavior::CloseOnClickOutside)
        .width(WIDTH)
        .show(|ui| {
            ui.set_width(WIDTH);
            Frame::NONE.inner_margin(8).show(ui, |ui| {
                kit::section(ui, tr("Sound"));
                ui.label(RichText::new(&sentence).color(palette(ui).dim));
                if report.sound.state == SoundState::NoCard
                    && kit::link(ui, Some(Icon::Plus), tr("Add a sound card")).clicked()
                {
                    asks.push(Ask::ShowHardware(report.id));
                    ui.close();
                }
                ui.add_space(6.0);
                ui.add_enabled_ui(!handed_over, |ui| choices_ui(ui, report, asks));
            });
        });
    button.on_hover_text(sentence);
    if report.sound.microphone_on {
        let color = palette(ui).error;
        ui.label(RichText::new(tr("Microphone on")).color(color).strong())
            .on_hover_text(tr(
                "The guest records what this computer's microphone hears",
            ));
        icon::show(ui, Icon::Mic, 17.0, color);
    }
}

fn choices_ui(ui: &mut Ui, report: &MachineReport, asks: &mut Vec<Ask>) {
    let SoundSettings {
        muted, microphone, ..
    } = settings(report);
    volume_ui(ui, report, asks);
    if kit::switch(ui, true, muted, tr("Mute"), "").clicked() {
        asks.push(change(report.id, Change::Muted(!muted)));
    }
    let meaning =
        tr("The guest hears this computer's microphone when it records; otherwise silence");
    if kit::switch(ui, true, microphone, tr("Allow the microphone"), meaning).clicked() {
        asks.push(change(report.id, Change::Microphone(!microphone)));
    }
}

/// A volume that is being chosen.
#[derive(Clone, Copy)]
struct Chosen {
    volume: f64,
    /// It was not told yet.
    fresh: bool,
    /// When one was told last.
    told: f64,
}

fn volume_ui(ui: &mut Ui, report: &MachineReport, asks: &mut Vec<Ask>) {
    let key = ui.scope_id().with(("volume", report.id));
    let kept = f64::from(settings(report).volume);
    let now = ui.input(|input| input.time);
    let chosen: Option<Chosen> = ui.data(|data| data.get_temp(key));
    let mut chosen = chosen.unwrap_or(Chosen {
        volume: kept,
        fresh: false,
        told: f64::NEG_INFINITY,
    });
    if !chosen.fresh && now - chosen.told > GIVEN_UP {
        chosen.volume = kept;
    }
    let volume = (chosen.volume.round() as u8).to_string();
    ui.label(fill("Volume {volume} %", &[("volume", &volume)]));
    let scale = Scale {
        range: 0.0..=100.0,
        mark: None,
    };
    if let Some(moved) = kit::slider(ui, tr("Volume"), chosen.volume, &scale) {
        chosen.volume = moved;
        chosen.fresh = true;
    }
    if chosen.fresh && now - chosen.told >= TOLD_EVERY {
        chosen.fresh = false;
        chosen.told = now;
        asks.push(change(
            report.id,
            Change::Volume(chosen.volume.round() as u8),
        ));
    } else if chosen.fresh {
        let left = TOLD_EVERY - (now - chosen.told);
        ui.ctx()
            .request_repaint_after(std::time::Duration::from_secs_f64(left.max(0.0)));
    }
    ui.data_mut(|data| data.insert_temp(key, chosen));
}

#[cfg(test)]
mod tests {
    use egui_kittest::Harness;
    use egui_kittest::kittest::{NodeT as _, Queryable as _};

    use super::*;
    use crate::model::{Machine, Origin, SoundReport, State};

    fn report(state: SoundState, microphone_on: bool) -> MachineReport {
        let id = MachineId(uuid::Uuid::from_u128(7));
        MachineReport {
            machine: Some(Machine::new(id, "Debian", "pc-q35-10.0", Origin::Empty)),
            sound: SoundReport {
                state,
                microphone_on,
            },
            ..MachineReport::new(id, "Debian", State::Running)
        }
    }

    fn shown(report: MachineReport) -> Harness<'static, Vec<Ask>> {
        let mut harness = Harness::builder()
            .with_size(egui::vec2(500.0, 400.0))
            .build_ui_state(
                move |ui, asks| {
                    crate::ui::theme::install(ui.ctx());
                    sound_ui(ui, &report, false, asks);
                },
                Vec::new(),
            );
        harness.run_ok();
        harness
    }

    #[track_caller]
    fn click(harness: &mut Harness<'static, Vec<Ask>>, label: &str) {
        harness.get_by_label(label).click();
        harness.run_ok();
    }

    fn changes(harness: &Harness<'static, Vec<Ask>>) -> Vec<Change> {
        let asks = harness.state().iter();
        asks.flat_map(|ask| match ask {
            Ask::Engine(Command::Change { changes, .. }) => changes.clone(),
            other => panic!("{other:?}"),
        })
        .collect()
    }

    #[test]
    fn the_speaker_opens_mute_volume_and_the_microphone() {
        let mut harness = shown(report(SoundState::Playing, false));
        assert!(harness.query_by_label("Microphone on").is_none());
        harness.get_by_label("Sound").click();
        harness.run_ok();
        assert!(
            harness
                .query_by_label("The guest plays, at 100 %")
                .is_some()
        );
        click(&mut harness, "Mute");
        click(&mut harness, "Allow the microphone");
        assert_eq!(
            changes(&harness),
            [Change::Muted(true), Change::Microphone(true)]
        );
        harness.state_mut().clear();
        let slider = harness.get_by_role(egui::accesskit::Role::Slider);
        assert!(!slider.accesskit_node().is_disabled());
        slider.focus();
        harness.run_ok();
        harness.key_press(egui::Key::ArrowLeft);
        harness.run_ok();
        assert_eq!(changes(&harness), [Change::Volume(99)]);
    }

    #[test]
    fn a_silent_machine_says_why_and_the_way_out() {
        let mut harness = shown(report(SoundState::NoCard, false));
        harness.get_by_label("Sound").click();
        harness.run_ok();
        assert!(
            harness
                .query_by_label("The machine has no sound card")
                .is_some()
        );
        click(&mut harness, "Add a sound card");
        assert!(matches!(harness.state()[..], [Ask::ShowHardware(_)]));
        let why = "There is no sound device on this computer".to_owned();
        assert_eq!(
            sentence(&report(SoundState::NoDevice(why.clone()), false)),
            why
        );
    }

    #[test]
    fn a_microphone_that_is_on_is_seen() {
        let harness = shown(report(SoundState::Silent, true));
        assert!(harness.query_by_label("Microphone on").is_some());
    }
}
