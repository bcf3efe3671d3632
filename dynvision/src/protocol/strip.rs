//! A timeline drawn as a strip.

use super::{Protocol, Shown, Timeline};
use std::fmt::Write;

impl Protocol {
    fn sign(&self, event: Option<usize>) -> char {
        match event.and_then(|event| self.events().get(event)).map(|event| &event.show) {
            None | Some(Shown::Blank) => '.',
            Some(Shown::Mask(_)) => '#',
            Some(Shown::Image(picture)) if picture.ahead > 0 => 'o',
            Some(Shown::Image(picture)) if picture.noise.is_some() => '~',
            Some(Shown::Image(picture)) if picture.occlusion.is_some() => '%',
            Some(Shown::Image(picture)) if picture.distractors.is_some() => '&',
            Some(Shown::Image(_)) => 'I',
        }
    }

    /// Returns a sign for each step, and below it `^` where a label counts: `.` blank, `I` image, `~` noisy, `%` occluded,
    /// `&` among distractors, `o` another image, `#` mask.
    ///
    /// ```
    /// use dynvision::protocol::{Duration::Steps, Protocol};
    /// let protocol = Protocol::duration(Steps(6), Steps(1), Steps(3))?;
    /// assert_eq!(protocol.text(&protocol.timeline(2.0)?), ".III..\n ^^^");
    /// # Ok::<(), dynvision::protocol::ProtocolError>(())
    /// ```
    pub fn text(&self, timeline: &Timeline) -> String {
        let shown: String = timeline.moments().iter().map(|moment| self.sign(moment.event)).collect();
        let counts: String = timeline.moments().iter().map(|m| if m.label.is_some() { '^' } else { ' ' }).collect();
        format!("{shown}\n{}", counts.trim_end())
    }

    /// Returns the strip as SVG: a box for each run of equal steps, a line where a label counts.
    pub fn svg(&self, timeline: &Timeline) -> String {
        let steps = timeline.moments();
        let wide = 8 * steps.len();
        let mut svg = format!("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{wide}\" height=\"40\">\n");
        let mut start = 0;
        while start < steps.len() {
            let same = |m: &&super::Moment| m.event == steps[start].event;
            let length = steps[start..].iter().take_while(same).count();
            let fill = match self.sign(steps[start].event) {
                '.' => "#eeeeee",
                '#' => "#222222",
                'o' => "#e69f00",
                '~' => "#56b4e9",
                '%' => "#cc79a7",
                '&' => "#d55e00",
                _ => "#0072b2",
            };
            let (x, width) = (8 * start, 8 * length);
            // writing to a string cannot fail
            let _ = writeln!(svg, "<rect x=\"{x}\" y=\"4\" width=\"{width}\" height=\"24\" fill=\"{fill}\"/>");
            if steps[start].label.is_some() {
                let _ = writeln!(svg, "<rect x=\"{x}\" y=\"32\" width=\"{width}\" height=\"3\" fill=\"#009e73\"/>");
            }
            start += length;
        }
        svg.push_str("</svg>\n");
        svg
    }
}
