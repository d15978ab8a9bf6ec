//! A picture: axes by kuva, and marks that know which trials they stand for.
//!
//! Colours are CSS variables, so that a picture is dark where the page is. All marks of a colour are one path
//! with a part (from one `M` to the next) for each mark, and the element around it has the marks' trials in
//! `data-t`: the page's script finds them there.

use std::fmt::Write;

use kuva::backend::svg::SvgBackend;
use kuva::render::axis::{add_axes_and_grid, add_labels_and_title};
use kuva::render::color::Color;
use kuva::render::layout::{AxisLabelOverlap, ComputedLayout, Layout, TickFormat};
use kuva::render::render::{PathData, Primitive, Scene, TextAnchor};
use kuva::render::theme::Theme;

use super::columns::Scale;
use crate::printable::is_hidden;

/// What a picture outside of the page needs to have its colours; the page has the same.
pub(super) const COLOURS: &str = include_str!("colours.css");

/// The height of a line of the legend.
const LEGEND: f64 = 22.0;

/// A picture that is done.
pub(super) struct Picture {
    /// The name of its file.
    pub(super) file: String,
    /// What it shows, for those who do not see it.
    pub(super) description: String,
    width: f64,
    height: f64,
    /// The height of the legend above it.
    top: f64,
    /// What is between `<svg ...>` and its end.
    content: String,
}

impl Picture {
    /// As part of the page.
    pub(super) fn in_page(&self) -> String {
        let Picture { width, height, top, content, .. } = self;
        let description = escape(&self.description);
        format!(
            "<svg class=\"chart\" role=\"img\" aria-label=\"{description}\" viewBox=\"0 -{top} {width:.0} {all:.0}\" \
             width=\"{width:.0}\" height=\"{all:.0}\">{content}</svg>",
            all = height + top,
        )
    }

    /// As a file of its own.
    pub(super) fn alone(&self) -> String {
        let Picture { width, height, top, content, .. } = self;
        let description = escape(&self.description);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 -{top} {width:.0} {all:.0}\" width=\"{width:.0}\" \
             height=\"{all:.0}\"><title>{description}</title><style>{COLOURS}</style>\
             <rect x=\"0\" y=\"-{top}\" width=\"100%\" height=\"100%\" fill=\"var(--paper)\"/>{content}</svg>\n",
            all = height + top,
        )
    }
}

/// One axis of a picture.
pub(super) struct Axis {
    pub(super) label: String,
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) scale: Scale,
}

impl Axis {
    /// From the smallest to the largest value; a single value gets some room around it.
    pub(super) fn new(label: &str, (mut low, mut high): (f64, f64), scale: Scale) -> Axis {
        match &scale {
            Scale::Options(options) => (low, high) = (0.5, options.len().max(1) as f64 + 0.5),
            Scale::Log if high <= low * 1.0001 => (low, high) = (low / 2.0, high * 2.0),
            Scale::Log => {
                let room = (high / low).powf(0.03);
                (low, high) = (low / room, high * room);
            }
            Scale::Linear if high - low <= 1e-9 * high.abs().max(low.abs()) => {
                let room = if high == 0.0 { 1.0 } else { high.abs() * 0.1 };
                (low, high) = (low - room, high + room);
            }
            _ => {}
        }
        // beyond what can be drawn, and where kuva's logarithms end
        let least = if scale == Scale::Log { 1e-10 } else { -1e300 };
        Axis {
            label: label.to_owned(),
            low: low.clamp(least, 1e300),
            high: high.clamp(least * 1.0001, 1e300),
            scale,
        }
    }

    fn format(&self) -> TickFormat {
        let step = (self.high - self.low) / 10.0;
        match self.scale {
            // enough decimals for every tick
            Scale::Linear if (1e-9..1e6).contains(&step) && self.high.abs().max(self.low.abs()) < 1e6 => {
                let decimals = (1.0 - step.log10().floor()).max(0.0) as usize;
                TickFormat::Custom(std::sync::Arc::new(move |value| {
                    let text = format!("{value:.decimals$}");
                    match text.contains('.') {
                        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
                        false => text,
                    }
                }))
            }
            _ => TickFormat::Custom(std::sync::Arc::new(|value| {
                let text = if (1e-4..1e5).contains(&value.abs()) || value == 0.0 {
                    format!("{value:.8}")
                } else {
                    return format!("{value:.0e}");
                };
                text.trim_end_matches('0').trim_end_matches('.').to_owned()
            })),
        }
    }
}

/// A picture that is being drawn.
pub(super) struct Chart {
    scene: Scene,
    layout: ComputedLayout,
    /// Colours and what they mean.
    legend: Vec<(String, String)>,
}

impl Chart {
    /// A frame with both axes.
    pub(super) fn new(title: &str, (width, height): (f64, f64), x: &Axis, y: &Axis) -> Chart {
        let mut layout = Layout::new((x.low, x.high), (y.low, y.high))
            .with_width(width)
            .with_height(height)
            .with_theme(theme())
            .with_title_size(15)
            .with_label_size(14)
            .with_tick_size(13)
            .with_clamp_axis()
            .with_clamp_y_axis()
            .with_x_label_overlap(AxisLabelOverlap::Thin)
            .with_x_tick_format(x.format())
            .with_y_tick_format(y.format());
        for (axis, is_x) in [(x, true), (y, false)] {
            if !axis.label.is_empty() {
                let label = clean(&short(&axis.label, if is_x { width } else { height } / 8.5));
                layout = if is_x { layout.with_x_label(label) } else { layout.with_y_label(label) };
            }
            layout = match (&axis.scale, is_x) {
                (Scale::Linear, _) => layout,
                // kuva would begin and end at powers of ten
                (Scale::Log, true) => {
                    layout.with_log_x().with_x_axis_min(axis.low).with_x_axis_max(axis.high)
                }
                (Scale::Log, false) => {
                    layout.with_log_y().with_y_axis_min(axis.low).with_y_axis_max(axis.high)
                }
                (Scale::Options(options), true) => {
                    let room = (width - 80.0) / options.len().max(1) as f64 / 8.0;
                    layout.with_x_categories(options.iter().map(|text| clean(&short(text, room))).collect())
                }
                (Scale::Options(options), false) => {
                    layout.with_y_categories(options.iter().map(|text| clean(&short(text, 34.0))).collect())
                }
            };
        }
        // whole numbers have no ticks between them
        if x.scale == Scale::Linear && x.low.fract() == 0.0 && (2.0..=10.0).contains(&(x.high - x.low)) {
            layout = layout.with_x_tick_step(1.0);
        }
        if !title.is_empty() {
            layout = layout.with_title(clean(&short(title, width / 8.0)));
        }
        let computed = ComputedLayout::from_layout(&layout);
        let mut scene = Scene::new(computed.width, computed.height);
        add_axes_and_grid(&mut scene, &computed, &layout);
        add_labels_and_title(&mut scene, &computed, &layout);
        Chart { scene, layout: computed, legend: Vec::new() }
    }

    /// An empty picture without axes.
    pub(super) fn bare(width: f64, height: f64) -> Chart {
        let layout = ComputedLayout::from_layout(&Layout::new((0.0, 1.0), (0.0, 1.0)));
        Chart { scene: Scene::new(width, height), layout, legend: Vec::new() }
    }

    /// Where a point is in the picture; what lies outside of the axes is put on their edge.
    pub(super) fn at(&self, x: f64, y: f64) -> (f64, f64) {
        let layout = &self.layout;
        let (left, right) = (layout.margin_left, layout.width - layout.margin_right);
        let (top, bottom) = (layout.margin_top, layout.height - layout.margin_bottom);
        (layout.map_x(x).clamp(left, right), layout.map_y(y).clamp(top, bottom))
    }

    /// Draws what stands for trials, all in one colour: for each mark the trial's place in the list, and the
    /// points of a line; a line of one point is a dot. Points are those of the picture, as [`at`](Chart::at)
    /// gives them.
    pub(super) fn marks(&mut self, colour: &str, width: f64, marks: &[(usize, Vec<(f64, f64)>)]) {
        let (mut path, mut trials) = (String::new(), String::new());
        for (trial, points) in marks {
            for (i, (x, y)) in points.iter().enumerate() {
                let _ = write!(path, "{}{x:.1} {y:.1}", if i == 0 { 'M' } else { 'L' });
            }
            if points.len() == 1 {
                path.push_str("h0");
            }
            if !points.is_empty() {
                let _ = write!(trials, "{}{trial}", if trials.is_empty() { "" } else { " " });
            }
        }
        if path.is_empty() {
            return;
        }
        let ends = if marks.iter().any(|(_, points)| points.len() == 1) { "round" } else { "butt" };
        let attributes = format!("data-t=\"{trials}\" stroke-linecap=\"{ends}\" stroke-linejoin=\"round\"");
        self.push(Primitive::GroupStart { transform: None, title: None, extra_attrs: Some(attributes) });
        self.path(colour, width, path, None);
        self.push(Primitive::GroupEnd);
    }

    /// A line that stands for no trial.
    pub(super) fn line(&mut self, colour: &str, from: (f64, f64), to: (f64, f64), dashes: Option<&str>) {
        let path = format!("M{:.1} {:.1}L{:.1} {:.1}", from.0, from.1, to.0, to.1);
        self.path(colour, 1.0, path, dashes);
    }

    /// A filled bar.
    pub(super) fn bar(&mut self, colour: &str, (left, top): (f64, f64), (right, bottom): (f64, f64)) {
        self.push(Primitive::Rect {
            x: left,
            y: top,
            width: (right - left).max(0.5),
            height: bottom - top,
            fill: Color::from(colour),
            stroke: None,
            stroke_width: None,
            opacity: None,
        });
    }

    /// A text, turned by so many degrees.
    pub(super) fn text(&mut self, at: (f64, f64), text: &str, anchor: TextAnchor, rotate: Option<f64>) {
        self.write(at, text, anchor, rotate, 13);
    }

    fn write(&mut self, (x, y): (f64, f64), text: &str, anchor: TextAnchor, rotate: Option<f64>, size: u32) {
        let content = clean(text);
        self.push(Primitive::Text { x, y, content, size, anchor, rotate, bold: false, color: None });
    }

    /// Adds a colour to the legend above the picture.
    pub(super) fn legend(&mut self, colour: &str, text: &str) {
        self.legend.push((colour.to_owned(), text.to_owned()));
    }

    /// Draws the legend, in as many lines as it needs, and tells its height.
    fn draw_legend(&mut self) -> f64 {
        let (mut line, mut x) = (0.0, 8.0);
        let mut entries = Vec::new();
        for (colour, text) in std::mem::take(&mut self.legend) {
            let room = 24.0 + 6.6 * text.chars().count() as f64;
            if x + room > self.scene.width && x > 8.0 {
                (line, x) = (line + 1.0, 8.0);
            }
            entries.push((line, x, colour, text));
            x += room;
        }
        let height = LEGEND * (line + 1.0);
        for (line, x, colour, text) in entries {
            let y = LEGEND * (line + 0.55) - height;
            self.path(&colour, 9.0, format!("M{x:.1} {y:.1}h9"), None);
            self.write((x + 13.0, y + 4.0), &text, TextAnchor::Start, None, 12);
        }
        height
    }

    /// The edges of the plot: left, top, right, bottom.
    pub(super) fn edges(&self) -> (f64, f64, f64, f64) {
        let layout = &self.layout;
        let (right, bottom) = (layout.width - layout.margin_right, layout.height - layout.margin_bottom);
        (layout.margin_left, layout.margin_top, right, bottom)
    }

    /// The picture, with the name of its file and what it shows.
    pub(super) fn done(mut self, file: impl Into<String>, description: impl Into<String>) -> Picture {
        let top = self.draw_legend();
        let mut scene = self.scene;
        let (width, height) = (scene.width, scene.height);
        scene.background_color = None;
        let svg = SvgBackend::new().render_scene(&scene);
        let inside = svg.split_once('>').map_or("", |(_, inside)| inside);
        let inside = inside.trim_end().strip_suffix("</svg>").unwrap_or(inside);
        let content = format!("<g font-family=\"system-ui, sans-serif\" fill=\"var(--ink)\">{inside}</g>");
        Picture { file: file.into(), description: description.into(), width, height, top, content }
    }

    fn path(&mut self, colour: &str, width: f64, d: String, dashes: Option<&str>) {
        self.push(Primitive::Path(Box::new(PathData {
            d,
            fill: None,
            stroke: Color::from(colour),
            stroke_width: width,
            opacity: None,
            stroke_dasharray: dashes.map(str::to_owned),
        })));
    }

    fn push(&mut self, primitive: Primitive) {
        self.scene.elements.push(primitive);
    }
}

fn theme() -> Theme {
    Theme {
        axis_color: "var(--line)".into(),
        grid_color: "var(--grid)".into(),
        tick_color: "var(--line)".into(),
        text_color: "var(--ink)".into(),
        ..Theme::light()
    }
}

/// About how wide a text of the pictures is.
pub(super) fn text_width(text: &str) -> f64 {
    text.chars().count() as f64 * 6.9
}

/// A text without what XML does not allow, what is hidden, and what kuva takes for mathematics.
pub(super) fn clean(text: &str) -> String {
    // no escapes: there is little room
    let allowed = |c: char| if is_hidden(c) { '\u{fffd}' } else { c };
    text.chars().map(allowed).collect::<String>().replace('$', "\\$")
}

/// The text, cut so that it has at most so many characters.
pub(super) fn short(text: &str, room: f64) -> String {
    let room = room.max(3.0) as usize;
    match text.char_indices().nth(room) {
        None => text.to_owned(),
        Some(_) => text.chars().take(room - 1).chain(['…']).collect(),
    }
}

/// A text for an attribute or an element.
fn escape(text: &str) -> String {
    let text = clean(text).replace("\\$", "$");
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
