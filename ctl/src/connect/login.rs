//! Who asks: a user with a password, for which the server gives a token, or a token itself.

use crate::Usage;
use crate::secret;

#[derive(Clone)]
pub enum Login {
    Nobody,
    User { name: String, password: String },
    Token(String),
}

impl Login {
    /// From `--user`, `--password` and `--auth-jwt-token`. Asks on the terminal for a password
    /// that is missing.
    pub fn from_flags(
        user: Option<&str>,
        password: Option<&str>,
        token: Option<&str>,
        prompt: &str,
    ) -> Result<Self, Usage> {
        let given = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
        if let Some(token) = given(token) {
            return Ok(Self::Token(token));
        }
        let Some(user) = given(user) else { return Ok(Self::Nobody) };
        if let Some(password) = given(password) {
            return Ok(Self::User { name: user, password });
        }
        if let Some((name, password)) = user.split_once(':') {
            return Ok(Self::User { name: name.to_owned(), password: password.to_owned() });
        }
        let password = secret::ask(prompt).map_err(|error| {
            Usage(format!("failed to ask password: {error}; write --user {user}:PASSWORD"))
        })?;
        Ok(Self::User { name: user, password })
    }
}
