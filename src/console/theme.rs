//! Colours and sizes of the console window's bar.

use std::sync::Arc;

use egui::{
    Color32, CornerRadius, FontData, FontDefinitions, FontFamily, FontId, Margin, Shadow, Stroke,
    TextStyle, vec2,
};

use crate::model::{State, ThemeChoice};

/// Height of the bar in points.
pub const BAR: f32 = 36.0;
/// Above and below the text of a sign over the picture.
pub const SIGN_MARGIN: i8 = 3;
/// The family of the icon font; its own, since text fonts use the same private characters.
const ICONS: &str = "icons";

/// Around the guest's picture, as 0RGB.
pub const LETTERBOX: u32 = 0x0b_0f_0d;

/// The colours of one theme; the names are those of the main window's theme.
#[derive(Clone, Copy, Debug)]
pub struct Palette {
    pub dark: bool,
    pub side: Color32,
    pub card: Color32,
    pub line: Color32,
    pub hover: Color32,
    pub text: Color32,
    pub dim: Color32,
    pub accent: Color32,
    pub on_accent: Color32,
    pub accent_text: Color32,
    pub leaf: Color32,
    pub warn: Color32,
    pub error: Color32,
    pub saved: Color32,
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the place where the console's colours are made"
)]
const fn hex(rgb: u32) -> Color32 {
    Color32::from_rgb((rgb >> 16) as u8, (rgb >> 8) as u8, rgb as u8)
}

pub const DARK: Palette = Palette {
    dark: true,
    side: hex(0x0b_0f_0d),
    card: hex(0x19_20_1c),
    line: hex(0x2b_35_2f),
    hover: hex(0x22_2b_26),
    text: hex(0xea_f0_ea),
    dim: hex(0x98_a8_9d),
    accent: hex(0xff_a2_3f),
    on_accent: hex(0x21_12_00),
    accent_text: hex(0xff_b0_5c),
    leaf: hex(0x5f_d3_87),
    warn: hex(0xf2_cf_5b),
    error: hex(0xff_7b_72),
    saved: hex(0x9d_b2_ff),
};

pub const LIGHT: Palette = Palette {
    dark: false,
    side: hex(0xee_ed_e4),
    card: hex(0xff_ff_ff),
    line: hex(0xdc_da_cd),
    hover: hex(0xe2_e0_d4),
    text: hex(0x1c_21_1b),
    dim: hex(0x5a_62_57),
    accent: hex(0xf5_92_20),
    on_accent: hex(0x23_12_00),
    accent_text: hex(0xa2_48_00),
    leaf: hex(0x1c_73_3a),
    warn: hex(0x7d_5a_00),
    error: hex(0xb3_26_1e),
    saved: hex(0x4b_50_c8),
};

impl Palette {
    pub fn state(&self, state: State) -> Color32 {
        match state {
            State::Running => self.leaf,
            State::Starting | State::Saving | State::Stopping => self.accent_text,
            State::Paused => self.warn,
            State::Saved => self.saved,
            State::Off => self.dim,
            State::Crashed | State::NotResponding | State::Broken | State::Unavailable => {
                self.error
            }
        }
    }
}

/// The colours of the theme that `ui` is drawn in.
pub fn palette(ui: &egui::Ui) -> &'static Palette {
    if ui.visuals().dark_mode {
        &DARK
    } else {
        &LIGHT
    }
}

pub fn icons(size: f32) -> FontId {
    FontId::new(size, FontFamily::Name(ICONS.into()))
}

/// Gives `ctx` the fonts and both styles. Nothing moves, so an idle bar is not repainted.
pub fn install(ctx: &egui::Context) {
    ctx.set_fonts(fonts());
    for (theme, palette) in [(egui::Theme::Dark, &DARK), (egui::Theme::Light, &LIGHT)] {
        ctx.style_mut_of(theme, |style| {
            style.animation_time = 0.0;
            style.spacing.item_spacing = vec2(6.0, 4.0);
            style.spacing.button_padding = vec2(8.0, 4.0);
            style.spacing.interact_size.y = 26.0;
            style.spacing.menu_margin = Margin::same(6);
            style.interaction.selectable_labels = false;
            for (text, size) in [(TextStyle::Body, 14.0), (TextStyle::Button, 13.5)] {
                style.text_styles.insert(text, FontId::proportional(size));
            }
            set_visuals(&mut style.visuals, palette);
        });
    }
}

/// Follows the user's choice; `System` is what the window system says.
pub fn choose(ctx: &egui::Context, choice: ThemeChoice) {
    ctx.set_theme(match choice {
        ThemeChoice::System => egui::ThemePreference::System,
        ThemeChoice::Dark => egui::ThemePreference::Dark,
        ThemeChoice::Light => egui::ThemePreference::Light,
    });
}

fn set_visuals(visuals: &mut egui::Visuals, palette: &Palette) {
    visuals.dark_mode = palette.dark;
    visuals.panel_fill = palette.side;
    visuals.window_fill = palette.card;
    visuals.window_stroke = Stroke::new(1.0, palette.line);
    visuals.selection.bg_fill = palette.accent;
    visuals.selection.stroke = Stroke::new(1.0, palette.on_accent);
    // Popups are cut out of the guest's picture as rectangles: no round corners, no shadow.
    visuals.menu_corner_radius = CornerRadius::ZERO;
    visuals.window_corner_radius = CornerRadius::ZERO;
    visuals.popup_shadow = Shadow::NONE;
    visuals.window_shadow = Shadow::NONE;
    let widgets = &mut visuals.widgets;
    for (widget, fill, text) in [
        (&mut widgets.noninteractive, palette.side, palette.text),
        (&mut widgets.inactive, palette.hover, palette.text),
        (&mut widgets.hovered, palette.line, palette.text),
        (&mut widgets.active, palette.line, palette.text),
        (&mut widgets.open, palette.line, palette.text),
    ] {
        widget.bg_fill = fill;
        widget.weak_bg_fill = fill;
        widget.bg_stroke = Stroke::NONE;
        widget.fg_stroke = Stroke::new(1.2, text);
        widget.corner_radius = CornerRadius::same(6);
        widget.expansion = 0.0;
    }
    widgets.noninteractive.bg_stroke = Stroke::new(1.0, palette.line);
    widgets.hovered.bg_stroke = Stroke::new(1.0, palette.dim);
}

fn fonts() -> FontDefinitions {
    let mut fonts = FontDefinitions::default();
    let mut icon_font = FontData::from_static(lucide_icons::LUCIDE_FONT_BYTES);
    icon_font.tweak.y_offset_factor = 0.06;
    fonts
        .font_data
        .insert(ICONS.to_owned(), Arc::new(icon_font));
    fonts
        .families
        .insert(FontFamily::Name(ICONS.into()), vec![ICONS.to_owned()]);
    fonts
}
