//! Figures of several rounds, put beside each other.

use std::fmt;

/// Who is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Competitor {
    /// The build of the other commit.
    Base,
    /// These sources.
    Here,
    /// The relay in Python, as it is here.
    Python,
}

/// What a figure counts, which also says whether more is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    PerSecond,
    Micros,
    Millis,
    Mebibytes,
    /// Of a thousand; the name says so.
    Permille,
}

/// One measured figure.
pub(crate) struct Figure {
    pub(crate) name: String,
    pub(crate) unit: Unit,
    pub(crate) value: f64,
}

impl Figure {
    pub(crate) fn new(name: impl Into<String>, unit: Unit, value: f64) -> Self {
        Self { name: name.into(), unit, value }
    }
}

/// The figures of all rounds so far.
#[derive(Default)]
pub(crate) struct Comparison(Vec<Row>);

/// The rounds of one figure, in their order.
struct Row {
    name: String,
    unit: Unit,
    base: Vec<f64>,
    here: Vec<f64>,
    python: Vec<f64>,
}

impl Comparison {
    pub(crate) fn add_all(&mut self, competitor: Competitor, figures: Vec<Figure>) {
        for figure in figures {
            self.add(competitor, figure);
        }
    }

    fn add(&mut self, competitor: Competitor, figure: Figure) {
        let Figure { name, unit, value } = figure;
        let known = self.0.iter().position(|row| row.name == name);
        let number = known.unwrap_or_else(|| {
            let [base, here, python] = [const { Vec::new() }; 3];
            self.0.push(Row { name, unit, base, here, python });
            self.0.len() - 1
        });
        let row = &mut self.0[number];
        match competitor {
            Competitor::Base => row.base.push(value),
            Competitor::Here => row.here.push(value),
            Competitor::Python => row.python.push(value),
        }
    }
}

/// Medians, and the ratios of the rounds: two measurements of one round stand beside each other in time.
impl fmt::Display for Comparison {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head =
            ["measure", "better", "base", "here", "here/base", "spread", "python", "here/python"];
        write_line(formatter, head)?;
        for row in &self.0 {
            let figure =
                |values: &[f64]| median(values).map_or(String::new(), |it| row.unit.show(it));
            let ratio =
                |it: Option<Ratio>| it.map_or(String::new(), |it| format!("{:.2}", it.median));
            let base = Ratio::of(&row.here, &row.base);
            let spread = base.map_or(String::new(), |it| format!("{:.2}-{:.2}", it.least, it.most));
            let cells = [
                row.name.as_str(),
                if row.unit == Unit::PerSecond { "more" } else { "less" },
                &figure(&row.base),
                &figure(&row.here),
                &ratio(base),
                &spread,
                &figure(&row.python),
                &ratio(Ratio::of(&row.here, &row.python)),
            ];
            write_line(formatter, cells)?;
        }
        Ok(())
    }
}

fn write_line(formatter: &mut fmt::Formatter<'_>, cells: [&str; 8]) -> fmt::Result {
    let [name, better, base, here, ratio, spread, python, to_python] = cells;
    write!(formatter, "{name:<52} {better:<6} {base:>11} {here:>11} {ratio:>9} {spread:>11}")?;
    writeln!(formatter, " {python:>11} {to_python:>11}")
}

impl Unit {
    fn show(self, value: f64) -> String {
        match self {
            Self::PerSecond => format!("{value:.0}/s"),
            Self::Micros => format!("{value:.2} us"),
            Self::Millis => format!("{value:.2} ms"),
            Self::Mebibytes => format!("{value:.0} MiB"),
            Self::Permille => format!("{value:.1}"),
        }
    }
}

/// What was measured of one divided by what was measured of another, over the rounds.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Ratio {
    median: f64,
    least: f64,
    most: f64,
}

impl Ratio {
    /// None where there is nothing to divide or to divide by.
    fn of(ours: &[f64], theirs: &[f64]) -> Option<Self> {
        let pairs = ours.iter().zip(theirs).filter(|(_, theirs)| **theirs > 0.0);
        let ratios: Vec<f64> = pairs.map(|(ours, theirs)| ours / theirs).collect();
        Some(Self {
            median: median(&ratios)?,
            least: ratios.iter().copied().reduce(f64::min)?,
            most: ratios.iter().copied().reduce(f64::max)?,
        })
    }
}

fn median(values: &[f64]) -> Option<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    let lower = values[(values.len() - 1) / 2];
    Some(f64::midpoint(lower, upper))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle_or_between_the_two_there() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0]), Some(3.0));
        assert_eq!(median(&[9.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 9.0]), Some(3.0));
    }

    #[test]
    fn ratios_are_those_of_the_rounds() {
        let ratio = Ratio::of(&[1.0, 4.0, 3.0], &[2.0, 4.0, 1.0]);
        assert_eq!(ratio, Some(Ratio { median: 1.0, least: 0.5, most: 3.0 }));
    }

    #[test]
    fn a_round_that_was_not_finished_is_left_out() {
        let ratio = Ratio::of(&[1.0], &[2.0, 4.0]);
        assert_eq!(ratio, Some(Ratio { median: 0.5, least: 0.5, most: 0.5 }));
    }

    #[test]
    fn nothing_is_divided_by_nothing() {
        assert_eq!(Ratio::of(&[], &[]), None);
        assert_eq!(Ratio::of(&[1.0], &[0.0]), None);
        assert_eq!(Ratio::of(&[1.0], &[]), None);
    }

    #[test]
    fn each_figure_has_a_line_with_what_is_known_of_it() {
        let mut comparison = Comparison::default();
        for (competitor, value) in
            [(Competitor::Base, 10.0), (Competitor::Here, 5.0), (Competitor::Python, 50.0)]
        {
            comparison.add(competitor, Figure::new("CPU", Unit::Micros, value));
        }
        comparison.add(Competitor::Here, Figure::new("rate", Unit::PerSecond, 7.0));
        let text = comparison.to_string();
        let lines: Vec<Vec<&str>> =
            text.lines().map(|line| line.split_whitespace().collect()).collect();
        let cpu = "CPU less 10.00 us 5.00 us 0.50 0.50-0.50 50.00 us 0.10";
        assert_eq!(lines[1].join(" "), cpu);
        assert_eq!(lines[2].join(" "), "rate more 7/s");
    }
}
