//! A new name for a machine, typed in its row.

use egui::{
    Key, Margin, Modifiers, Popup, PopupAnchor, PopupKind, Rect, RichText, TextEdit, Ui, WidgetInfo,
};

use super::row;
use crate::engine::message::Command;
use crate::language::{told, tr};
use crate::model::{Action, Change, MachineId, check_name};
use crate::ui::theme::{self, palette};
use crate::ui::view::View;
use crate::ui::{Ask, actions};

pub struct Rename {
    pub machine: MachineId,
    name: String,
    begun: bool,
}

/// How the field was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The row gets the keyboard back.
    ByKey,
    /// Something else has it now.
    ByLeaving,
}

impl Rename {
    /// `None` where the name can't be changed now.
    pub fn begin(view: &View, machine: MachineId) -> Option<Self> {
        let report = view.machine(machine)?;
        actions::verdict(report, Action::Edit, view.handed_over).ok()?;
        Some(Self {
            machine,
            name: report.name.clone(),
            begun: false,
        })
    }

    /// Draws the field over the name; gives how it ended once it does.
    pub fn ui(&mut self, ui: &mut Ui, row: Rect, view: &View, asks: &mut Vec<Ask>) -> Option<End> {
        let old = view.name(self.machine);
        let wrong = (self.name != old)
            .then(|| {
                let others = view.names();
                check_name(&self.name, others.into_iter().filter(|name| *name != old)).err()
            })
            .flatten();
        let id = egui::Id::unique(("rename", self.machine));
        let mut room = ui.new_child(egui::UiBuilder::new().max_rect(row::name_room(row)));
        if wrong.is_some() {
            room.visuals_mut().selection.stroke.color = palette(ui).error;
        }
        let enter = room.memory(|memory| memory.has_focus(id))
            && room.input_mut(|input| input.consume_key(Modifiers::NONE, Key::Enter));
        let edit = TextEdit::singleline(&mut self.name)
            .id(id)
            .font(theme::semibold(theme::BODY))
            .char_limit(80)
            .margin(Margin::symmetric(4, 1))
            .desired_width(f32::INFINITY);
        let output = edit.show(&mut room);
        let response = output.response.response;
        response.widget_info(|| {
            let mut info = WidgetInfo::text_edit(true, &old, &self.name, "");
            info.label = Some(tr("New name").to_owned());
            info
        });
        if !self.begun {
            self.begun = true;
            response.request_focus();
            let whole = egui::text::CCursorRange::two(
                egui::text::CCursor::new(0),
                egui::text::CCursor::new(self.name.chars().count()),
            );
            let mut state = output.state;
            state.cursor.set_char_range(Some(whole));
            state.store(ui.ctx(), id);
            return None;
        }
        if let Some(wrong) = &wrong {
            let text = told(&wrong.to_string()).into_owned();
            let anchor = PopupAnchor::ParentRect(row);
            Popup::new(id.with("why"), ui.ctx().clone(), anchor, ui.layer_id())
                .kind(PopupKind::Tooltip)
                .open(true)
                .show(|ui| ui.label(RichText::new(text).color(palette(ui).error)));
        }
        let left = response.lost_focus();
        // egui takes the keyboard away before anyone sees the key.
        let escape = left && ui.input(|input| input.key_pressed(Key::Escape));
        if (enter || left) && !escape && wrong.is_none() {
            if self.name != old {
                let changes = vec![Change::Name(self.name.clone())];
                let machine = self.machine;
                asks.push(Ask::Engine(Command::Change { machine, changes }));
            }
            return Some(if enter { End::ByKey } else { End::ByLeaving });
        }
        if escape {
            return Some(End::ByKey);
        }
        left.then_some(End::ByLeaving)
    }
}
