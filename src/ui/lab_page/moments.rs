//! A lab's moments, newest first: the picture of each machine, and the ways back.

use egui::{Rect, RichText, Ui, vec2};

use super::dialogs::Dialog;
use super::tiles::picture_ui;
use crate::language::{count, fill, told, tr};
use crate::model::{LabReport, Lack, MachineId, MemberReport, SetReport, SnapshotSet};
use crate::ui::album::{PictureSize, Wish};
use crate::ui::icon::Icon;
use crate::ui::kit;
use crate::ui::theme::{self, palette};
use crate::ui::view::View;

const PICTURE: egui::Vec2 = vec2(72.0, 45.0);
/// Pictures of one moment; the rest is a number.
const MOST_PICTURES: usize = 6;

/// Draws them; returns a question that was asked for.
pub fn moments_ui(
    ui: &mut Ui,
    view: &View,
    report: &LabReport,
    wishes: &mut Vec<Wish>,
) -> Option<Dialog> {
    if report.lab.sets.is_empty() {
        kit::hint(
            ui,
            tr(
                "None yet. “Keep this moment…” keeps all machines as they are at one moment; later all go back to it together.",
            ),
        );
        return None;
    }
    let mut asked = None;
    for set in report.lab.sets.iter().rev() {
        let Some((_, how)) = report.set(set.id) else {
            continue;
        };
        ui.push_id(set.id, |ui| {
            kit::card(ui, "", |ui| {
                asked = moment_ui(ui, view, report, (set, how), wishes).or(asked.take());
            });
        });
    }
    asked
}

fn moment_ui(
    ui: &mut Ui,
    view: &View,
    report: &LabReport,
    (set, how): (&SnapshotSet, &SetReport),
    wishes: &mut Vec<Wish>,
) -> Option<Dialog> {
    let p = palette(ui);
    let mut asked = None;
    ui.horizontal(|ui| {
        ui.vertical(|ui| {
            ui.set_width((ui.available_width() - 230.0).max(200.0));
            ui.spacing_mut().item_spacing.y = 3.0;
            let title = told(set.title());
            let name = RichText::new(title.as_ref()).font(theme::semibold(theme::BODY));
            ui.add(egui::Label::new(name.color(p.text)).truncate());
            let number = set.members.len() as u64;
            let machines = count(number, "{count} machine", "{count} machines");
            let ago = set.time.ago(view.now);
            let text = fill(
                "{ago}, {machines}",
                &[("ago", &told(&ago)), ("machines", &machines)],
            );
            ui.label(RichText::new(text).color(p.dim))
                .on_hover_text(view.zone.exact(set.time));
            if !set.note.is_empty() {
                ui.add(egui::Label::new(RichText::new(&set.note).color(p.text)).wrap());
            }
        });
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            ui.spacing_mut().item_spacing.x = 6.0;
            let why = view
                .handed_over
                .then(|| tr("Another Orangery process has the library now").to_owned());
            let delete = tr("Delete this moment…");
            if kit::icon_or_why(ui, Icon::Trash2, delete, why.as_deref()) {
                asked = Some(Dialog::delete_set(report.lab.id, set.id));
            }
            if kit::icon_or_why(ui, Icon::PencilLine, tr("Rename…"), why.as_deref()) {
                asked = Some(Dialog::edit_set(report.lab.id, set));
            }
            let why = why.or_else(|| not_whole(view, how));
            if kit::button_or_why(ui, Icon::History, tr("Go back…"), why.as_deref()) {
                asked = Some(Dialog::rewind(report.lab.id, set.id));
            }
        });
    });
    pictures_ui(ui, view, how, wishes);
    let is_at_work = |id: &MachineId| view.machine(*id).is_some_and(|it| it.job.is_some());
    // One that is just being kept is not whole yet.
    if let Some(why) = not_whole(view, how)
        && !report.lab.machines.iter().any(is_at_work)
    {
        kit::warning(ui, &why);
    }
    asked
}

fn pictures_ui(ui: &mut Ui, view: &View, how: &SetReport, wishes: &mut Vec<Wish>) {
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 8.0;
        for MemberReport {
            machine,
            snapshot,
            with_memory,
            picture,
            ..
        } in how.members.iter().take(MOST_PICTURES)
        {
            let wish = Wish {
                size: PictureSize::Small,
                machine: *machine,
                snapshot: *snapshot,
            };
            if *picture {
                wishes.push(wish);
            }
            let (rect, response) = ui.allocate_exact_size(PICTURE, egui::Sense::hover());
            picture_ui(
                ui,
                Rect::from_min_size(rect.min, PICTURE),
                view.pictures.get(wish),
            );
            let then = match with_memory {
                true => tr("ran then"),
                false => tr("was off then"),
            };
            let name = view.name(*machine);
            let text = fill("{name} {then}", &[("name", &name), ("then", &then)]);
            kit::name(response, &text).on_hover_text(&text);
        }
        if let Some(more) = how.members.len().checked_sub(MOST_PICTURES)
            && more > 0
        {
            kit::hint(ui, &fill("and {count} more", &[("count", &more)]));
        }
    });
}

/// Why a moment can't be gone back to as a whole.
pub fn not_whole(view: &View, how: &SetReport) -> Option<String> {
    let lacks: Vec<String> = how
        .lacking()
        .map(|member| {
            let name = view.name(member.machine);
            let values: [(&str, &dyn std::fmt::Display); 1] = [("name", &name)];
            match &member.lack {
                Some(Lack::Writing) => fill("{name} is still being written", &values),
                Some(Lack::Damaged(_)) => fill("the snapshot of {name} can't be read", &values),
                _ => fill("{name} has no snapshot of it", &values),
            }
        })
        .collect();
    if lacks.is_empty() {
        return None;
    }
    let why = lacks.join(", ");
    Some(fill(
        "This moment is not whole: {why}. What there is works singly, in each machine's timeline.",
        &[("why", &why)],
    ))
}
