//! Which runtime to use, as `--runtime` names it.

use std::fmt;
use std::str::FromStr;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RuntimeKind {
    /// `containers` where the machine allows it, `hollow` otherwise.
    #[default]
    Auto,
    Containers,
    Cri,
    Hollow,
    /// No kubelet at all.
    None,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    #[error("unknown runtime {0:?}: use auto, containers, hollow or none")]
    Unknown(String),
    #[error("runtime cri is not available in this build yet: use auto, containers, hollow or none")]
    CriNotAvailable,
}

impl FromStr for RuntimeKind {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        match text {
            "auto" => Ok(Self::Auto),
            "containers" => Ok(Self::Containers),
            "cri" => Err(ParseError::CriNotAvailable),
            "hollow" => Ok(Self::Hollow),
            "none" => Ok(Self::None),
            other => Err(ParseError::Unknown(other.to_owned())),
        }
    }
}

impl fmt::Display for RuntimeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Containers => "containers",
            Self::Cri => "cri",
            Self::Hollow => "hollow",
            Self::None => "none",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_command_lines() {
        for kind in
            [RuntimeKind::Auto, RuntimeKind::Containers, RuntimeKind::Hollow, RuntimeKind::None]
        {
            assert_eq!(kind.to_string().parse(), Ok(kind));
        }
        assert_eq!("cri".parse::<RuntimeKind>(), Err(ParseError::CriNotAvailable));
        assert!("docker".parse::<RuntimeKind>().is_err());
    }
}
