//! What was measured, as a table or as JSON.

use std::fmt;

use serde_json::{Value, json};

/// All rows.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) rows: Vec<Row>,
}

/// One operation, or one half of it.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) title: &'static str,
    pub(crate) ours: Spread,
    pub(crate) libotr: Option<Spread>,
}

/// The measurements of all rounds, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) min: f64,
    pub(crate) median: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// `None` if there are no measurements.
    pub(crate) fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        let (lower, upper) = (values.get((values.len() - 1) / 2)?, values.get(values.len() / 2)?);
        Some(Self { min, median: f64::midpoint(*lower, *upper), max })
    }

    fn to_json(self) -> Value {
        json!({"min": self.min, "median": self.median, "max": self.max})
    }
}

impl Row {
    /// How many times faster we are, by the medians.
    fn ratio(&self) -> Option<f64> {
        self.libotr.map(|libotr| libotr.median / self.ours.median)
    }
}

impl Report {
    pub(crate) fn to_json(&self) -> Value {
        let row = |row: &Row| {
            json!({
                "operation": row.title,
                "ours": row.ours.to_json(),
                "libotr": row.libotr.map(Spread::to_json),
                "ratio": row.ratio(),
            })
        };
        json!({"unit": "microseconds of process CPU time", "rows": self.rows.iter().map(row).collect::<Vec<_>>()})
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Microseconds of process CPU time: min / median / max; the ratio is that of the medians.\n")?;
        writeln!(f, "{:<37}{:>32}{:>32}{:>8}", "", "ours", "libotr", "ratio")?;
        for row in &self.rows {
            let libotr = row.libotr.map_or_else(|| "-".to_owned(), |spread| spread.to_string());
            let ratio = row.ratio().map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"));
            writeln!(f, "{:<37}{:>32}{libotr:>32}{ratio:>8}", row.title, row.ours.to_string())?;
        }
        Ok(())
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = if self.median < 100.0 { 2 } else { 0 };
        write!(f, "{:.digits$} / {:.digits$} / {:.digits$}", self.min, self.median, self.max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_has_the_middle_of_its_values() {
        assert_eq!(Spread::of(vec![]), None);
        assert_eq!(Spread::of(vec![3.0]), Some(Spread { min: 3.0, median: 3.0, max: 3.0 }));
        assert_eq!(Spread::of(vec![9.0, 1.0, 2.0]), Some(Spread { min: 1.0, median: 2.0, max: 9.0 }));
        assert_eq!(Spread::of(vec![4.0, 1.0, 2.0, 9.0]), Some(Spread { min: 1.0, median: 3.0, max: 9.0 }));
    }

    #[test]
    fn a_ratio_above_one_means_that_we_are_faster() {
        let spread = |value| Spread { min: value, median: value, max: value };
        let report = Report {
            rows: vec![
                Row { title: "one", ours: spread(2.0), libotr: Some(spread(9.0)) },
                Row { title: "two", ours: spread(2000.0), libotr: None },
            ],
        };
        let text = report.to_string();
        let lines: Vec<_> = text.lines().skip(3).collect();
        assert!(lines[0].starts_with("one") && lines[0].ends_with("9.00 / 9.00 / 9.00    4.50"), "{text}");
        assert!(lines[1].contains("2000 / 2000 / 2000") && lines[1].ends_with('-'), "{text}");
        let json = report.to_json();
        assert_eq!(json["rows"][0]["ratio"], 4.5);
        assert_eq!(json["rows"][1]["libotr"], Value::Null);
    }
}
