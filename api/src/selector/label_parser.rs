//! The string form of label selectors.
//!
//! ```text
//! selector    = [ requirement { "," requirement } ]
//! requirement = [ "!" ] key | key ("="|"=="|"!="|">"|"<") value | key ("in"|"notin") "(" values ")"
//! ```
//!
//! As upstream, `in` and `notin` are words of the grammar only where an operator may stand, so
//! that they can also be keys and values; values may be empty (`a=`, `a in (,b)`).

use super::label::{LabelSelectorError, Operator, Requirement};
use crate::validation::{FieldError, names};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'a> {
    End,
    Comma,
    Open,
    Close,
    Not,
    Equals,
    DoubleEquals,
    NotEquals,
    Greater,
    Less,
    Word(&'a str),
}

impl Token<'_> {
    fn literal(&self) -> &str {
        match self {
            Self::End => "",
            Self::Comma => ",",
            Self::Open => "(",
            Self::Close => ")",
            Self::Not => "!",
            Self::Equals => "=",
            Self::DoubleEquals => "==",
            Self::NotEquals => "!=",
            Self::Greater => ">",
            Self::Less => "<",
            Self::Word(word) => word,
        }
    }
}

const OPERATORS: &str = "in, notin, =, ==, !=, gt, lt";

/// Parses `text` into its requirements, in the order they stand.
pub(super) fn parse(text: &str) -> Result<Vec<Requirement>, LabelSelectorError> {
    let mut parser = Parser { tokens: scan(text), next: 0 };
    let mut requirements = Vec::new();
    loop {
        match parser.peek() {
            Token::End => return Ok(requirements),
            Token::Word(_) | Token::Not => requirements.push(parser.requirement()?),
            other => {
                return Err(syntax(other, "!, identifier, or 'end of string'"));
            }
        }
        match parser.take() {
            Token::End => return Ok(requirements),
            Token::Comma => match parser.peek() {
                Token::Word(_) | Token::Not => {}
                other => return Err(syntax(other, "identifier after ','")),
            },
            other => return Err(syntax(other, "',' or 'end of string'")),
        }
    }
}

fn syntax(found: Token<'_>, expected: &str) -> LabelSelectorError {
    LabelSelectorError::Syntax(format!("found '{}', expected: {expected}", found.literal()))
}

fn in_requirement(found: Token<'_>, expected: &str) -> LabelSelectorError {
    LabelSelectorError::Requirement(format!("found '{}', expected: {expected}", found.literal()))
}

fn scan(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([' ', '\t', '\r', '\n']);
        if rest.is_empty() {
            return tokens;
        }
        let (token, length) = next_token(rest);
        tokens.push(token);
        rest = &rest[length..];
    }
}

fn next_token(rest: &str) -> (Token<'_>, usize) {
    let symbols = [
        ("==", Token::DoubleEquals),
        ("!=", Token::NotEquals),
        ("=", Token::Equals),
        ("!", Token::Not),
        (",", Token::Comma),
        ("(", Token::Open),
        (")", Token::Close),
        (">", Token::Greater),
        ("<", Token::Less),
    ];
    for (symbol, token) in symbols {
        if rest.starts_with(symbol) {
            return (token, symbol.len());
        }
    }
    let ends = |letter: char| {
        matches!(letter, '=' | '!' | ',' | '(' | ')' | '>' | '<' | ' ' | '\t' | '\r' | '\n')
    };
    let length = rest.find(ends).unwrap_or(rest.len());
    (Token::Word(&rest[..length]), length)
}

struct Parser<'a> {
    tokens: Vec<Token<'a>>,
    next: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Token<'a> {
        self.tokens.get(self.next).copied().unwrap_or(Token::End)
    }

    fn take(&mut self) -> Token<'a> {
        let token = self.peek();
        self.next += 1;
        token
    }

    fn requirement(&mut self) -> Result<Requirement, LabelSelectorError> {
        let negated = self.peek() == Token::Not;
        if negated {
            self.take();
        }
        let key = match self.take() {
            Token::Word(key) => key,
            other => return Err(in_requirement(other, "identifier")),
        };
        check_key(key)?;
        if negated {
            return Requirement::new(key, Operator::DoesNotExist, Vec::new());
        }
        if matches!(self.peek(), Token::End | Token::Comma) {
            return Requirement::new(key, Operator::Exists, Vec::new());
        }
        let operator = self.operator()?;
        let values = match operator {
            Operator::In | Operator::NotIn => self.value_list()?,
            _ => vec![self.exact_value()?],
        };
        Requirement::new(key, operator, values)
    }

    fn operator(&mut self) -> Result<Operator, LabelSelectorError> {
        Ok(match self.take() {
            Token::Equals => Operator::Equals,
            Token::DoubleEquals => Operator::DoubleEquals,
            Token::NotEquals => Operator::NotEquals,
            Token::Greater => Operator::Gt,
            Token::Less => Operator::Lt,
            Token::Word("in") => Operator::In,
            Token::Word("notin") => Operator::NotIn,
            other => return Err(in_requirement(other, OPERATORS)),
        })
    }

    fn exact_value(&mut self) -> Result<String, LabelSelectorError> {
        if matches!(self.peek(), Token::End | Token::Comma) {
            return Ok(String::new());
        }
        match self.take() {
            Token::Word(value) => Ok(value.to_owned()),
            other => Err(in_requirement(other, "identifier")),
        }
    }

    /// The values between parentheses. An empty place between commas is the empty value.
    fn value_list(&mut self) -> Result<Vec<String>, LabelSelectorError> {
        let open = self.take();
        if open != Token::Open {
            let literal = open.literal();
            return Err(LabelSelectorError::Requirement(format!(
                "found '{literal}' expected: '('"
            )));
        }
        if self.peek() == Token::Close {
            self.take();
            return Ok(Vec::new());
        }
        let mut values = Vec::new();
        loop {
            match self.peek() {
                Token::Word(value) => {
                    self.take();
                    values.push(value.to_owned());
                }
                Token::Comma | Token::Close => values.push(String::new()),
                other => return Err(in_requirement(other, "',', ')' or identifier")),
            }
            match self.take() {
                Token::Comma => {}
                Token::Close => return Ok(values),
                other => return Err(in_requirement(other, "',' or ')'")),
            }
        }
    }
}

/// Upstream checks the key while it parses, where it knows no path yet, and prints `<nil>`.
fn check_key(key: &str) -> Result<(), LabelSelectorError> {
    let faults = names::qualified_name(key);
    if faults.is_empty() {
        return Ok(());
    }
    let error = FieldError::invalid("<nil>", key, faults.join("; "));
    Err(LabelSelectorError::Requirement(error.to_string()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::LabelSelector;

    fn printed(text: &str) -> String {
        match LabelSelector::parse(text) {
            Ok(selector) => selector.to_string(),
            Err(error) => format!("error: {error}"),
        }
    }

    #[test]
    fn parses_every_form() {
        let cases = [
            ("", ""),
            ("a=b", "a=b"),
            (" b == c , a != d ", "a!=d,b==c"),
            ("x in (b,a)", "x in (a,b)"),
            ("x notin (a)", "x notin (a)"),
            ("x", "x"),
            ("! x", "!x"),
            ("x,!y", "x,!y"),
            ("x=", "x="),
            ("x=,y", "x=,y"),
            ("x in (,a)", "x in (,a)"),
            ("x in (a,)", "x in (,a)"),
            ("x>5", "x>5"),
            ("x<5", "x<5"),
            ("in in (in,notin)", "in in (in,notin)"),
            ("app.kubernetes.io/name=web", "app.kubernetes.io/name=web"),
        ];
        for (text, wanted) in cases {
            assert_eq!(printed(text), wanted, "{text}");
        }
    }

    #[test]
    fn refuses_in_upstreams_words() {
        let cases = [
            ("a=b=c", "error: found '=', expected: ',' or 'end of string'"),
            ("a=b,", "error: found '', expected: identifier after ','"),
            (",a", "error: found ',', expected: !, identifier, or 'end of string'"),
            (
                "a b",
                "error: unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt",
            ),
            ("a in b", "error: unable to parse requirement: found 'b' expected: '('"),
            ("a in (b", "error: unable to parse requirement: found '', expected: ',' or ')'"),
            (
                "a in ()",
                "error: unable to parse requirement: values: Invalid value: []: for 'in', \
                 'notin' operators, values set can't be empty",
            ),
            (
                "a>b",
                "error: unable to parse requirement: values[0]: Invalid value: \"b\": for 'Gt', \
                 'Lt' operators, the value must be an integer",
            ),
        ];
        for (text, wanted) in cases {
            assert_eq!(printed(text), wanted, "{text}");
        }
        assert!(printed("a/b/c=d").starts_with(
            "error: unable to parse requirement: <nil>: Invalid value: \"a/b/c\": a qualified"
        ));
        assert!(printed("a=-d").starts_with(
            "error: unable to parse requirement: values[0][a]: Invalid value: \"-d\": a valid"
        ));
    }

    #[test]
    fn matches_as_upstream() {
        let labels = |key: &str| match key {
            "app" => Some("web"),
            "tier" => Some("3"),
            "empty" => Some(""),
            _ => None,
        };
        let cases = [
            ("", true),
            ("app=web", true),
            ("app==db", false),
            ("app!=db", true),
            ("missing!=x", true),
            ("missing notin (x)", true),
            ("app in (db,web)", true),
            ("app notin (db,web)", false),
            ("app,!missing", true),
            ("missing", false),
            ("empty=", true),
            ("app=", false),
            ("tier>2,tier<4", true),
            ("tier>3", false),
            ("app>3", false),
            ("missing<3", false),
        ];
        for (text, wanted) in cases {
            let selector = LabelSelector::parse(text).expect("the case is well formed");
            assert_eq!(selector.matches(labels), wanted, "{text}");
        }
        assert!(!LabelSelector::nothing().matches(labels));
    }

    proptest! {
        /// What a selector prints is a selector that prints the same. (Not so upstream, nor
        /// here, for `in (,)`: the set of the empty value prints as the empty set.)
        #[test]
        fn the_printed_form_is_stable(text in "[a-c!=<>,() ]{0,12}( (in|notin) [(][a-c][a-c,]{0,5}[)])?") {
            if let Ok(selector) = LabelSelector::parse(&text) {
                let printed = selector.to_string();
                let again = LabelSelector::parse(&printed);
                prop_assert_eq!(again.as_ref().map(ToString::to_string), Ok(printed));
                prop_assert_eq!(again, Ok(selector));
            }
        }
    }
}
