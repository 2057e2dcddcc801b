//! The hardware tab: every part of a machine can be edited; edits are checked as they are typed and
//! applied together.

mod apply_bar;
mod board;
mod boot;
mod devices;
mod disk_form;
mod disks;
mod display;
mod draft;
mod drives;
mod expert;
mod fields;
mod identity;
mod memory;
mod network;
mod processors;
mod section;
mod sharing;
mod words;

use egui::{CornerRadius, Frame, Margin, Panel, RichText, ScrollArea, Sense, Stroke, Ui, vec2};

use super::MachinePage;
use crate::language::{fill, told, tr};
use crate::model::{Action, Machine, MachineReport};
use crate::ui::Ask;
use crate::ui::actions;
use crate::ui::icon::{self, Icon};
use crate::ui::kit::{self, Tone};
use crate::ui::theme::{self, palette};
use crate::ui::view::View;
use disk_form::DiskForm;
pub(super) use draft::HardwareForm;
use expert::ExpertForm;
pub(super) use section::Section;

/// From this width on the parts stand in a list at the left.
const WITH_LIST: f32 = 900.0;
const LIST: f32 = 248.0;
/// Wider fields are no easier to read.
const WIDEST: f32 = 860.0;

/// What the tab remembers beside the edits.
#[derive(Default)]
pub(super) struct HardwareTab {
    pub(super) form: Option<HardwareForm>,
    /// The part shown beside the list.
    chosen: Section,
    /// The parts that are unfolded in the column of cards.
    open: std::collections::BTreeSet<Section>,
    /// Where to scroll in the column.
    scroll_to: Option<Section>,
    disk: DiskForm,
    expert: ExpertForm,
    tag: String,
    force: bool,
}

impl HardwareTab {
    /// Whether something was edited and not applied.
    pub(super) fn edited(&self) -> bool {
        self.form.as_ref().is_some_and(HardwareForm::edited)
    }

    /// The record will change because the user asked for it elsewhere on the page.
    pub(super) fn expect(&mut self) {
        if let Some(form) = &mut self.form {
            form.expect();
        }
    }

    /// Shows a part.
    fn show(&mut self, section: Section) {
        self.chosen = section;
        self.open.insert(section);
        self.scroll_to = Some(section);
    }
}

/// What the parts of the page look at and ask through.
struct Desk<'a> {
    view: &'a View,
    report: &'a MachineReport,
    /// What the machine's guest runs on, if it runs.
    running: Option<&'a Machine>,
    tab: Extras<'a>,
    asks: &'a mut Vec<Ask>,
}

/// The tab's state beside the edits and the layout.
struct Extras<'a> {
    disk: &'a mut DiskForm,
    expert: &'a mut ExpertForm,
    tag: &'a mut String,
    force: &'a mut bool,
}

pub(super) fn hardware_tab_ui(
    ui: &mut Ui,
    page: &mut MachinePage,
    view: &View,
    report: &MachineReport,
    asks: &mut Vec<Ask>,
) {
    let Some(machine) = &report.machine else {
        column_ui(ui, "hardware", |ui| {
            super::trouble::trouble_ui(ui, page, view, report, asks);
            ui.label(RichText::new(tr("The file can't be read")).color(palette(ui).dim));
        });
        return;
    };
    let mut tab = std::mem::take(&mut page.hardware);
    let mut form = tab
        .form
        .take()
        .unwrap_or_else(|| HardwareForm::new(machine));
    form.follow(machine);
    form.check(view.names().into_iter().filter(|name| *name != report.name));
    let allowed = actions::verdict(report, Action::Edit, view.handed_over);
    let wide = ui.available_width() >= WITH_LIST;
    Panel::bottom("apply")
        .show_separator_line(false)
        .resizable(false)
        .frame(Frame::NONE)
        .show(ui, |ui| {
            apply_bar::apply_bar_ui(ui, &mut form, &mut tab, &allowed, report, asks);
        });
    if wide {
        list_ui(ui, &form, &mut tab);
    }
    column_ui(ui, if wide { "part" } else { "parts" }, |ui| {
        super::trouble::trouble_ui(ui, page, view, report, asks);
        above_ui(ui, &mut form, &allowed, report, asks);
        for section in Section::ALL {
            if !wide || section == tab.chosen {
                section_card_ui(ui, section, wide, &mut form, &mut tab, (view, report), asks);
            }
        }
    });
    tab.form = Some(form);
    page.hardware = tab;
}

/// A column that scrolls.
fn column_ui(ui: &mut Ui, id: &str, content: impl FnOnce(&mut Ui)) {
    ScrollArea::vertical()
        .id_salt(id)
        .auto_shrink(false)
        .show(ui, |ui| {
            let margin = Margin::symmetric(22, theme::PADDING);
            Frame::NONE.inner_margin(margin).show(ui, |ui| {
                ui.set_width(ui.available_width().min(WIDEST));
                ui.spacing_mut().item_spacing.y = 10.0;
                content(ui);
            });
        });
}

/// What concerns all parts: why nothing can be edited, what waits for the next start.
fn above_ui(
    ui: &mut Ui,
    form: &mut HardwareForm,
    allowed: &Result<(), String>,
    report: &MachineReport,
    asks: &mut Vec<Ask>,
) {
    if let Err(reason) = allowed {
        kit::callout(ui, Tone::Info, &told(reason), |_| {});
    }
    apply_bar::pending_ui(ui, form, allowed, report, asks);
    if form.moved {
        let text = tr("The machine was changed elsewhere meanwhile; your edits are kept");
        kit::callout(ui, Tone::Info, text, |ui| {
            if kit::secondary(ui, true, None, tr("Fine")).clicked() {
                form.moved = false;
            }
        });
    }
}

fn list_ui(ui: &mut Ui, form: &HardwareForm, tab: &mut HardwareTab) {
    let margin = Margin {
        left: 12,
        right: 0,
        top: theme::PADDING,
        bottom: theme::PADDING,
    };
    Panel::left("parts")
        .exact_size(LIST)
        .resizable(false)
        .show_separator_line(false)
        .frame(Frame::NONE.inner_margin(margin))
        .show(ui, |ui| {
            ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
                ui.spacing_mut().item_spacing.y = 2.0;
                let troubles = form.troubles();
                for section in Section::ALL {
                    let wrong = troubles.iter().any(|(wrong, _)| *wrong == section);
                    if part_row_ui(ui, section, tab.chosen == section, wrong, form) {
                        tab.show(section);
                    }
                }
            });
        });
}

/// A part in the list; returns whether it was clicked.
fn part_row_ui(
    ui: &mut Ui,
    section: Section,
    chosen: bool,
    wrong: bool,
    form: &HardwareForm,
) -> bool {
    let p = palette(ui);
    let size = vec2(ui.available_width(), 46.0);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    let word = section.word();
    response
        .widget_info(|| egui::WidgetInfo::selected(egui::accesskit::Role::Tab, true, chosen, word));
    if response.gained_focus() {
        response.scroll_to_me(None);
    }
    let radius = CornerRadius::same(theme::CONTROL_RADIUS);
    if chosen || response.hovered() || response.has_focus() {
        let fill = if chosen {
            p.background.blend(p.tint(p.accent_text))
        } else {
            p.hover
        };
        let line = if chosen || response.has_focus() {
            p.edge(p.accent_text)
        } else {
            fill
        };
        let border = Stroke::new(1.0, line);
        let inside = egui::StrokeKind::Inside;
        ui.painter().rect(rect, radius, fill, border, inside);
    }
    let (glyph, color) = if wrong {
        (Icon::CircleAlert, p.error)
    } else {
        (section.icon(), if chosen { p.accent_text } else { p.dim })
    };
    icon::paint(
        ui.painter(),
        rect.left_center() + vec2(22.0, 0.0),
        glyph,
        18.0,
        color,
    );
    let room = rect.width() - 56.0;
    let summary = section.summary(&form.draft);
    let line = |text: &str, font, color| {
        let mut job = egui::text::LayoutJob::simple_singleline(text.to_owned(), font, color);
        job.wrap = egui::text::TextWrapping::truncate_at_width(room);
        ui.painter().layout_job(job)
    };
    let title = line(word, theme::semibold(theme::BODY), p.text);
    let below = line(&summary, theme::regular(13.0), p.dim);
    let left = rect.left() + 44.0;
    ui.painter()
        .galley(egui::pos2(left, rect.top() + 5.0), title, p.text);
    ui.painter()
        .galley(egui::pos2(left, rect.top() + 24.0), below, p.dim);
    response.clicked()
}

/// A part with its head; in the column it opens and closes.
fn section_card_ui(
    ui: &mut Ui,
    section: Section,
    wide: bool,
    form: &mut HardwareForm,
    tab: &mut HardwareTab,
    (view, report): (&View, &MachineReport),
    asks: &mut Vec<Ask>,
) {
    let open = wide || tab.open.contains(&section);
    let allowed = actions::verdict(report, Action::Edit, view.handed_over).is_ok();
    let scroll_here = !wide && tab.scroll_to == Some(section);
    let card = ui.scope(|ui| {
        kit::card(ui, "", |ui| {
            let running = report.state.has_process();
            if head_ui(ui, section, (wide, open), running, form, asks) {
                if open {
                    tab.open.remove(&section);
                } else {
                    tab.open.insert(section);
                    tab.chosen = section;
                }
            }
            if open {
                ui.add_space(2.0);
                let machine = report.hardware();
                let mut desk = Desk {
                    view,
                    report,
                    running: machine.filter(|_| running),
                    tab: Extras {
                        disk: &mut tab.disk,
                        expert: &mut tab.expert,
                        tag: &mut tab.tag,
                        force: &mut tab.force,
                    },
                    asks,
                };
                ui.add_enabled_ui(allowed, |ui| {
                    ui.push_id(section, |ui| {
                        ui.spacing_mut().item_spacing = vec2(8.0, 10.0);
                        section_ui(ui, section, form, &mut desk);
                    });
                });
            }
        });
    });
    if scroll_here {
        ui.scroll_to_rect(card.response.rect, Some(egui::Align::Min));
        tab.scroll_to = None;
    }
}

/// Title and "?" of a part; returns whether it is to be opened or closed.
fn head_ui(
    ui: &mut Ui,
    section: Section,
    (wide, open): (bool, bool),
    running: bool,
    form: &HardwareForm,
    asks: &mut Vec<Ask>,
) -> bool {
    let p = palette(ui);
    let mut help_ui = |ui: &mut Ui| {
        let (name, help) = (
            fill("Help on {part}", &[("part", &section.word())]),
            section.help(),
        );
        if kit::help(ui, &name, help) {
            asks.push(Ask::OpenLink(help.link));
        }
    };
    ui.horizontal(|ui| {
        ui.set_height(28.0);
        ui.spacing_mut().item_spacing.x = 10.0;
        if wide {
            icon::show(ui, section.icon(), 19.0, p.accent_text);
            let title = RichText::new(section.word()).font(theme::semibold(theme::TITLE));
            ui.label(title.color(p.text));
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                help_ui(ui);
                if let Some(effect) = section.effect() {
                    fields::mark(ui, running, effect);
                }
            });
            return false;
        }
        let wrong = form.troubles().iter().any(|(wrong, _)| *wrong == section);
        let effect = section.effect().filter(|_| open && running);
        let room = if effect.is_some() { 150.0 } else { 34.0 };
        let width = ui.available_width() - room;
        let clicked = fold_ui(ui, section, width, open, wrong, form);
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            help_ui(ui);
            if let Some(effect) = effect {
                fields::mark(ui, running, effect);
            }
        });
        clicked
    })
    .inner
}

/// The head of a card that folds.
fn fold_ui(
    ui: &mut Ui,
    section: Section,
    width: f32,
    open: bool,
    wrong: bool,
    form: &HardwareForm,
) -> bool {
    let p = palette(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(width, 28.0), Sense::click());
    response.widget_info(|| {
        egui::WidgetInfo::selected(egui::accesskit::Role::Tab, true, open, section.word())
    });
    if response.gained_focus() {
        response.scroll_to_me(None);
    }
    if response.hovered() || response.has_focus() {
        let ground = rect.expand2(vec2(6.0, 4.0));
        ui.painter()
            .rect_filled(ground, CornerRadius::same(theme::CONTROL_RADIUS), p.hover);
    }
    let (glyph, color) = if wrong {
        (Icon::CircleAlert, p.error)
    } else {
        (section.icon(), p.accent_text)
    };
    let at = |x: f32| egui::pos2(rect.left() + x, rect.center().y);
    let fold = if open {
        Icon::ChevronDown
    } else {
        Icon::ChevronRight
    };
    icon::paint(ui.painter(), at(8.0), fold, 16.0, p.dim);
    icon::paint(ui.painter(), at(32.0), glyph, 18.0, color);
    let title = ui.painter().layout_no_wrap(
        section.word().to_owned(),
        theme::semibold(theme::BODY),
        p.text,
    );
    let left = 52.0 + title.size().x + 12.0;
    let y = title.size().y / 2.0;
    ui.painter().galley(at(52.0) - vec2(0.0, y), title, p.text);
    if !open {
        let mut job = egui::text::LayoutJob::simple_singleline(
            section.summary(&form.draft),
            theme::regular(theme::BODY),
            p.dim,
        );
        job.wrap = egui::text::TextWrapping::truncate_at_width((width - left - 4.0).max(0.0));
        let summary = ui.painter().layout_job(job);
        let y = summary.size().y / 2.0;
        ui.painter().galley(at(left) - vec2(0.0, y), summary, p.dim);
    }
    response.clicked()
}

fn section_ui(ui: &mut Ui, section: Section, form: &mut HardwareForm, desk: &mut Desk<'_>) {
    match section {
        Section::Machine => identity::identity_ui(ui, form, desk),
        Section::Processors => processors::processors_ui(ui, form, desk),
        Section::Memory => memory::memory_ui(ui, form, desk),
        Section::Firmware => board::board_ui(ui, form, desk),
        Section::Boot => boot::boot_ui(ui, form, desk),
        Section::Disks => disks::disks_ui(ui, form, desk),
        Section::Drives => drives::drives_ui(ui, form, desk),
        Section::Network => network::network_ui(ui, form, desk),
        Section::Display => display::display_ui(ui, form, desk),
        Section::Sharing => sharing::sharing_ui(ui, form, desk),
        Section::Sound => devices::sound_ui(ui, form, desk),
        Section::Usb => devices::usb_ui(ui, form, desk),
        Section::Other => devices::other_ui(ui, form, desk),
        Section::Clock => board::clock_ui(ui, form, desk),
        Section::Expert => expert::expert_ui(ui, form, desk),
    }
}
