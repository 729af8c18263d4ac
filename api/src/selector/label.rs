//! Label selectors: a conjunction of requirements on the labels of an object.
//!
//! The node-selector operators `Gt` and `Lt` are part of it, because the string form knows them
//! (`key>1`) and the scheduler's node affinity is the same conjunction over node labels.

use std::fmt;

use crate::validation::{FieldError, names};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operator {
    In,
    NotIn,
    Equals,
    DoubleEquals,
    NotEquals,
    Exists,
    DoesNotExist,
    Gt,
    Lt,
}

/// Why a selector was refused, in upstream's words.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum LabelSelectorError {
    /// The string form has no sense at this place.
    #[error("{0}")]
    Syntax(String),
    /// A requirement that says something impossible.
    #[error("unable to parse requirement: {0}")]
    Requirement(String),
    /// An operator that the object form does not know.
    #[error("{0:?} is not a valid label selector operator")]
    Operator(String),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Requirement {
    key: String,
    operator: Operator,
    /// Sorted, without repeats.
    values: Vec<String>,
}

impl Requirement {
    /// Checks key, number and form of the values as upstream's `NewRequirement`.
    pub fn new(
        key: &str,
        operator: Operator,
        mut values: Vec<String>,
    ) -> Result<Self, LabelSelectorError> {
        let faults = names::qualified_name(key);
        if !faults.is_empty() {
            return Err(refuse(FieldError::invalid("key", key, faults.join("; "))));
        }
        values.sort();
        values.dedup();
        check_values(operator, &values)?;
        for (index, value) in values.iter().enumerate() {
            let faults = names::label_value(value);
            if !faults.is_empty() {
                let path = format!("values[{index}][{key}]");
                return Err(refuse(FieldError::invalid(path, value.as_str(), faults.join("; "))));
            }
        }
        Ok(Self { key: key.to_owned(), operator, values })
    }

    pub fn key(&self) -> &str {
        &self.key
    }

    pub fn operator(&self) -> Operator {
        self.operator
    }

    pub fn values(&self) -> &[String] {
        &self.values
    }

    /// Whether the label's value (None: there is no such label) satisfies the requirement.
    /// As upstream, `NotIn` and `!=` hold where the label is absent, `Gt` and `Lt` do not.
    pub fn matches(&self, label: Option<&str>) -> bool {
        match self.operator {
            Operator::In | Operator::Equals | Operator::DoubleEquals => {
                label.is_some_and(|value| self.has(value))
            }
            Operator::NotIn | Operator::NotEquals => !label.is_some_and(|value| self.has(value)),
            Operator::Exists => label.is_some(),
            Operator::DoesNotExist => label.is_none(),
            Operator::Gt => self.compare(label, |label, bound| label > bound),
            Operator::Lt => self.compare(label, |label, bound| label < bound),
        }
    }

    fn has(&self, value: &str) -> bool {
        self.values.iter().any(|wanted| wanted == value)
    }

    fn compare(&self, label: Option<&str>, holds: fn(i64, i64) -> bool) -> bool {
        let number = |text: &str| text.parse::<i64>().ok();
        let bound = self.values.first().and_then(|value| number(value));
        match (label.and_then(number), bound) {
            (Some(label), Some(bound)) => holds(label, bound),
            _ => false,
        }
    }
}

fn refuse(error: FieldError) -> LabelSelectorError {
    LabelSelectorError::Requirement(error.to_string())
}

fn check_values(operator: Operator, values: &[String]) -> Result<(), LabelSelectorError> {
    let shown = || serde_json::Value::from(values.to_vec());
    let detail = match operator {
        Operator::In | Operator::NotIn if values.is_empty() => {
            "for 'in', 'notin' operators, values set can't be empty"
        }
        Operator::Equals | Operator::DoubleEquals | Operator::NotEquals if values.len() != 1 => {
            "exact-match compatibility requires one single value"
        }
        Operator::Exists | Operator::DoesNotExist if !values.is_empty() => {
            "values set must be empty for exists and does not exist"
        }
        Operator::Gt | Operator::Lt if values.len() != 1 => {
            "for 'Gt', 'Lt' operators, exactly one value is required"
        }
        Operator::Gt | Operator::Lt if values[0].parse::<i64>().is_err() => {
            return Err(refuse(FieldError::invalid(
                "values[0]",
                values[0].as_str(),
                "for 'Gt', 'Lt' operators, the value must be an integer",
            )));
        }
        _ => return Ok(()),
    };
    Err(refuse(FieldError::invalid("values", shown(), detail)))
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, operator, values } = self;
        let first = values.first().map_or("", String::as_str);
        match operator {
            Operator::In => write!(f, "{key} in ({})", values.join(",")),
            Operator::NotIn => write!(f, "{key} notin ({})", values.join(",")),
            Operator::Equals => write!(f, "{key}={first}"),
            Operator::DoubleEquals => write!(f, "{key}=={first}"),
            Operator::NotEquals => write!(f, "{key}!={first}"),
            Operator::Exists => write!(f, "{key}"),
            Operator::DoesNotExist => write!(f, "!{key}"),
            Operator::Gt => write!(f, "{key}>{first}"),
            Operator::Lt => write!(f, "{key}<{first}"),
        }
    }
}

/// Every requirement must hold. Without requirements it matches everything, except for the one
/// made by `nothing()`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LabelSelector {
    /// Sorted by key.
    requirements: Vec<Requirement>,
    nothing: bool,
}

impl LabelSelector {
    pub fn everything() -> Self {
        Self { requirements: Vec::new(), nothing: false }
    }

    /// What an absent LabelSelector object selects.
    pub fn nothing() -> Self {
        Self { requirements: Vec::new(), nothing: true }
    }

    pub fn new(mut requirements: Vec<Requirement>) -> Self {
        requirements.sort_by(|a, b| a.key.cmp(&b.key));
        Self { requirements, nothing: false }
    }

    /// Parses the string form: `a=b,c in (d,e),!f,g`. An empty string selects everything.
    pub fn parse(text: &str) -> Result<Self, LabelSelectorError> {
        super::label_parser::parse(text).map(Self::new)
    }

    pub fn is_everything(&self) -> bool {
        !self.nothing && self.requirements.is_empty()
    }

    pub fn requirements(&self) -> &[Requirement] {
        &self.requirements
    }

    /// `label` gives the value of a label by its key.
    pub fn matches<'a>(&self, label: impl Fn(&str) -> Option<&'a str>) -> bool {
        !self.nothing
            && self
                .requirements
                .iter()
                .all(|requirement| requirement.matches(label(&requirement.key)))
    }
}

/// The string form, sorted by key.
impl fmt::Display for LabelSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, requirement) in self.requirements.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            write!(f, "{requirement}")?;
        }
        Ok(())
    }
}
