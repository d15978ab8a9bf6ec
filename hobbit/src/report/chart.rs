//! A picture: a frame with axes, and marks that know which trials they stand for.
//!
//! Colours are CSS variables, so that a picture is dark where the page is. All marks of a colour are one path
//! with a part (from one `M` to the next) for each mark, and the element around it has the marks' trials in
//! `data-t`: the page's script finds them there.

use std::fmt::Write;

use kuva::backend::svg::SvgBackend;
use kuva::render::color::Color;
use kuva::render::render::{PathData, Primitive, Scene, TextAnchor};

use super::axis::{Axis, Tick};
use super::columns::Scale;
use crate::printable::is_hidden;

/// What a picture outside of the page needs to have its colours; the page has the same.
pub(super) const COLOURS: &str = include_str!("colours.css");

/// The height of a line of the legend.
const LEGEND: f64 = 22.0;
/// Marks keep this far from the frame, so that none is cut.
const INSET: f64 = 8.0;

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
    /// Where its axes stand that can be brushed, if there are any.
    brushes: String,
    /// What is between `<svg ...>` and its end.
    content: String,
}

impl Picture {
    /// Whether both look the same.
    pub(super) fn is_like(&self, other: &Picture) -> bool {
        self.content == other.content
    }

    /// As part of the page.
    pub(super) fn in_page(&self) -> String {
        let Picture { width, height, top, brushes, content, .. } = self;
        let description = escape(&self.description);
        let brushes = if brushes.is_empty() { String::new() } else { format!(" data-brush=\"{brushes}\"") };
        format!(
            "<svg class=\"chart\" role=\"img\" aria-label=\"{description}\" viewBox=\"0 -{top} {width:.0} {all:.0}\" \
             width=\"{width:.0}\" height=\"{all:.0}\"{brushes}>{content}</svg>",
            all = height + top,
        )
    }

    /// Several as one file, side by side in rows of up to three that are about as wide as high.
    pub(super) fn together(pictures: &[Picture]) -> String {
        const GAP: f64 = 16.0;
        let [first, _, ..] = pictures else { return pictures.iter().map(Picture::alone).collect() };
        let columns = if pictures.len() <= 4 { 2 } else { 3 };
        let most = |of: fn(&Picture) -> f64| pictures.iter().map(of).fold(0.0, f64::max);
        let (wide, high) = (most(|one| one.width) + GAP, most(|one| one.height + one.top) + GAP);
        let mut content = String::new();
        for (place, picture) in pictures.iter().enumerate() {
            let Picture { width, height, top, content: inside, .. } = picture;
            let (x, y) = ((place % columns) as f64 * wide, (place / columns) as f64 * high);
            let all = height + top;
            // below each other they end at the same height
            let y = y + high - GAP - all;
            let _ = write!(
                content,
                "<svg x=\"{x:.0}\" y=\"{y:.0}\" viewBox=\"0 -{top} {width:.0} {all:.0}\" width=\"{width:.0}\" \
                 height=\"{all:.0}\">{inside}</svg>"
            );
        }
        let rows = pictures.len().div_ceil(columns);
        let descriptions: Vec<&str> = pictures.iter().map(|one| one.description.as_str()).collect();
        Picture {
            file: first.file.clone(),
            description: descriptions.join("; "),
            width: columns as f64 * wide - GAP,
            height: rows as f64 * high - GAP,
            top: 0.0,
            brushes: String::new(),
            content,
        }
        .alone()
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

/// What stands in the legend before a colour's meaning.
#[derive(Clone, Copy)]
pub(super) enum Swatch {
    Square,
    Line,
    Dot,
    Diamond,
}

/// A picture that is being drawn.
pub(super) struct Chart {
    scene: Scene,
    x: Axis,
    y: Axis,
    /// The edges of the plot: left, top, right, bottom.
    edges: (f64, f64, f64, f64),
    /// Colours and what they mean.
    legend: Vec<(Swatch, String, String)>,
    brushes: String,
}

impl Chart {
    /// A frame with both axes.
    pub(super) fn new(title: &str, (width, height): (f64, f64), x: &Axis, y: &Axis) -> Chart {
        let rows =
            ((height - 70.0) / if matches!(y.scale, Scale::Options(_)) { 18.0 } else { 45.0 }) as usize;
        let beside: Vec<Tick> = y.ticks(rows.clamp(2, 300));
        let widest = beside.iter().map(|tick| text_width(&short(&tick.text, 34.0))).fold(14.0, f64::max);
        let head = if title.is_empty() { 6.0 } else { 26.0 };
        let top = head + if y.title().is_empty() { 0.0 } else { 20.0 };
        let foot = if x.title().is_empty() { 26.0 } else { 48.0 };
        let edges = (widest + 12.0, top, width - 10.0, height - foot);
        let mut chart = Chart { edges, ..Chart::bare(width, height) };
        (chart.x, chart.y) = (x.clone(), y.clone());
        if !title.is_empty() {
            let title = short(title, width / 8.0);
            chart.write((2.0, 16.0), &title, TextAnchor::Start, None, (14, true, "var(--ink)"));
        }
        let label = short(&y.title(), (width - 20.0) / 6.9);
        chart.write((2.0, top - 10.0), &label, TextAnchor::Start, None, (13, false, "var(--soft)"));
        chart.rule_rows(&beside);
        chart.rule_columns(height);
        chart
    }

    /// An empty picture without axes.
    pub(super) fn bare(width: f64, height: f64) -> Chart {
        let none = Axis::new("", (0.0, 1.0), Scale::Linear);
        Chart {
            scene: Scene::new(width, height),
            x: none.clone(),
            y: none,
            edges: (0.0, 0.0, width, height),
            legend: Vec::new(),
            brushes: String::new(),
        }
    }

    /// A line across the plot for each of its rows, and what it means.
    fn rule_rows(&mut self, ticks: &[Tick]) {
        let (left, _, right, _) = self.edges;
        for tick in ticks {
            let (_, y) = self.at(0.0, tick.at);
            self.line("var(--grid)", (left, y), (right, y), None);
            let text = short(&tick.text, 34.0);
            self.text((left - 7.0, y + 4.5), &text, TextAnchor::End, None);
        }
    }

    /// The axis below the plot.
    fn rule_columns(&mut self, height: f64) {
        let (left, _, right, bottom) = self.edges;
        let room = right - left;
        let ticks = match &self.x.scale {
            // all have a place; their texts are cut to it
            Scale::Options(options) => self.x.ticks(options.len().min((room / 22.0) as usize)),
            _ => self.fitting((room / 62.0) as usize, room),
        };
        let each = room / ticks.len().max(1) as f64;
        for tick in &ticks {
            let (x, _) = self.at(tick.at, 0.0);
            self.line("var(--line)", (x, bottom), (x, bottom + 4.0), None);
            let text = match self.x.scale {
                Scale::Options(_) => short(&tick.text, each / 7.2),
                _ => tick.text.clone(),
            };
            // not beyond the picture
            let half = text_width(&text) / 2.0;
            let x = x.clamp(half, (self.scene.width - half).max(half));
            self.text((x, bottom + 18.0), &text, TextAnchor::Middle, None);
        }
        self.line("var(--line)", (left, bottom), (right, bottom), None);
        let label = short(&self.x.title(), room / 6.9);
        let middle = ((left + right) / 2.0, height - 8.0);
        self.write(middle, &label, TextAnchor::Middle, None, (13, false, "var(--soft)"));
    }

    /// About so many ticks below the plot, or fewer, so that there is room between their texts.
    fn fitting(&self, most: usize, room: f64) -> Vec<Tick> {
        const GAP: f64 = 14.0;
        let all = (2..=most.max(2)).rev().map(|most| self.x.ticks(most));
        let fits = |ticks: &Vec<Tick>| {
            let places = ticks.iter().map(|tick| (room * self.x.place(tick.at), text_width(&tick.text)));
            let places: Vec<(f64, f64)> = places.collect();
            places.windows(2).all(|two| two[1].0 - two[0].0 >= (two[0].1 + two[1].1) / 2.0 + GAP)
        };
        let mut fewest = Vec::new();
        for ticks in all {
            if fits(&ticks) {
                return ticks;
            }
            fewest = ticks;
        }
        fewest
    }

    /// Where a point is in the picture; what lies outside of the axes is put at their ends.
    pub(super) fn at(&self, x: f64, y: f64) -> (f64, f64) {
        let (left, top, right, bottom) = self.edges;
        let across = left + INSET + (right - left - 2.0 * INSET) * self.x.place(x);
        let down = bottom - INSET - (bottom - top - 2.0 * INSET) * self.y.place(y);
        (across, down)
    }

    /// Draws what stands for trials, all in one colour: for each mark the trial's place in the list, and the
    /// points of a line; a line of one point is a dot. Points are those of the picture, as [`at`](Chart::at)
    /// gives them.
    pub(super) fn marks(&mut self, colour: &str, width: f64, marks: &[(usize, Vec<(f64, f64)>)]) {
        let (mut path, mut trials) = (String::new(), String::new());
        for (trial, points) in marks {
            add_path(&mut path, points);
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
        self.lines(colour, 1.0, &[from, to], dashes);
    }

    /// A line through points that stands for no trial.
    pub(super) fn lines(&mut self, colour: &str, width: f64, points: &[(f64, f64)], dashes: Option<&str>) {
        self.path(colour, width, path(points), dashes);
    }

    /// A filled area, as SVG's path.
    pub(super) fn area(&mut self, colour: &str, d: String) {
        if d.is_empty() {
            return;
        }
        self.push(Primitive::Path(Box::new(PathData {
            d,
            fill: Some(Color::from(colour)),
            stroke: Color::from("none"),
            stroke_width: 0.0,
            opacity: None,
            stroke_dasharray: None,
        })));
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
        self.write(at, text, anchor, rotate, (13, false, "var(--ink)"));
    }

    fn write(
        &mut self,
        (x, y): (f64, f64),
        text: &str,
        anchor: TextAnchor,
        rotate: Option<f64>,
        (size, bold, colour): (u32, bool, &str),
    ) {
        let content = clean(text);
        let color = Some(Color::from(colour));
        self.push(Primitive::Text { x, y, content, size, anchor, rotate, bold, color });
    }

    /// Adds a colour to the legend above the picture.
    pub(super) fn legend(&mut self, colour: &str, text: &str) {
        self.legend_as(Swatch::Square, colour, text);
    }

    /// Adds a colour to the legend, as it is drawn.
    pub(super) fn legend_as(&mut self, swatch: Swatch, colour: &str, text: &str) {
        self.legend.push((swatch, colour.to_owned(), text.to_owned()));
    }

    /// An axis at `x` that can be brushed, from its top to its bottom.
    pub(super) fn brush(&mut self, x: f64) {
        let before = if self.brushes.is_empty() { "" } else { " " };
        let _ = write!(self.brushes, "{before}{x:.1}");
    }

    /// Draws the legend, in as many lines as it needs, and tells its height.
    fn draw_legend(&mut self) -> f64 {
        let (mut line, mut x) = (0.0, 4.0);
        let mut entries = Vec::new();
        for (swatch, colour, text) in std::mem::take(&mut self.legend) {
            let room = 30.0 + text_width(&text);
            if x + room > self.scene.width && x > 4.0 {
                (line, x) = (line + 1.0, 4.0);
            }
            entries.push((line, x, swatch, colour, text));
            x += room;
        }
        if entries.is_empty() {
            return 0.0;
        }
        let height = LEGEND * (line + 1.0) + 4.0;
        for (line, x, swatch, colour, text) in entries {
            let y = LEGEND * (line + 0.5) - height;
            self.draw_swatch(swatch, &colour, (x, y));
            self.text((x + 15.0, y + 4.5), &text, TextAnchor::Start, None);
        }
        height
    }

    fn draw_swatch(&mut self, swatch: Swatch, colour: &str, (x, y): (f64, f64)) {
        match swatch {
            Swatch::Square => self.path(colour, 10.0, format!("M{x:.1} {y:.1}h10"), None),
            Swatch::Line => self.path(colour, 2.5, format!("M{x:.1} {y:.1}h11"), None),
            Swatch::Dot => self.marks_of_none(colour, 8.0, &[(x + 5.0, y)]),
            Swatch::Diamond => self.marks_of_none(colour, 2.0, &diamond((x + 5.0, y))),
        }
    }

    /// A mark that stands for no trial.
    fn marks_of_none(&mut self, colour: &str, width: f64, points: &[(f64, f64)]) {
        let round = "stroke-linecap=\"round\" stroke-linejoin=\"round\"".to_owned();
        self.push(Primitive::GroupStart { transform: None, title: None, extra_attrs: Some(round) });
        self.path(colour, width, path(points), None);
        self.push(Primitive::GroupEnd);
    }

    /// The edges of the plot: left, top, right, bottom.
    pub(super) fn edges(&self) -> (f64, f64, f64, f64) {
        self.edges
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
        // the library's name, in a comment
        let comment = inside.trim_start().strip_prefix("<!--").and_then(|inside| inside.split_once("-->"));
        let inside = comment.map_or(inside, |(_, rest)| rest);
        let content = format!("<g font-family=\"system-ui, sans-serif\" fill=\"var(--ink)\">{inside}</g>");
        let (file, description, brushes) = (file.into(), description.into(), self.brushes);
        Picture { file, description, width, height, top, brushes, content }
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

/// A line through points as SVG's path; of one point a dot.
fn path(points: &[(f64, f64)]) -> String {
    let mut path = String::new();
    add_path(&mut path, points);
    path
}

fn add_path(path: &mut String, points: &[(f64, f64)]) {
    for (i, (x, y)) in points.iter().enumerate() {
        let _ = write!(path, "{}{x:.1} {y:.1}", if i == 0 { 'M' } else { 'L' });
    }
    if points.len() == 1 {
        path.push_str("h0");
    }
}

/// A diamond, for what has to stand out by its shape too.
pub(super) fn diamond((x, y): (f64, f64)) -> Vec<(f64, f64)> {
    const ARM: f64 = 4.2;
    vec![(x, y - ARM), (x + ARM, y), (x, y + ARM), (x - ARM, y), (x, y - ARM)]
}

/// About how wide a text of the pictures is.
pub(super) fn text_width(text: &str) -> f64 {
    text.chars().count() as f64 * 7.1
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
