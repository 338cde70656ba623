//! Reading the expression language of validation rules (https://kubernetes.io/docs/reference/using-api/cel/): the part
//! of it that rules commonly use. What cannot be read is `None`, and the rule is not checked.

use serde_json::Value;

/// An expression.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expression {
    Literal(Value),
    Name(String),
    Field(Box<Self>, String),
    Index(Box<Self>, Box<Self>),
    Call(Option<Box<Self>>, String, Vec<Self>),
    List(Vec<Self>),
    Not(Box<Self>),
    Negative(Box<Self>),
    Binary(&'static str, Box<Self>, Box<Self>),
    Choice(Box<Self>, Box<Self>, Box<Self>),
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Name(String),
    Literal(Value),
    Sign(&'static str),
}

const SIGNS: [&str; 23] = [
    "&&", "||", "==", "!=", "<=", ">=", "<", ">", "(", ")", "[", "]", ".", ",", "?", ":", "!", "+",
    "-", "*", "/", "%", "{",
];

/// Binary operators, those that bind least first.
const LEVELS: [&[&str]; 5] = [
    &["||"],
    &["&&"],
    &["==", "!=", "<=", ">=", "<", ">", "in"],
    &["+", "-"],
    &["*", "/", "%"],
];

fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut out = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = if first.is_alphabetic() || first == '_' {
            let end = rest
                .find(|c: char| !(c.is_alphanumeric() || c == '_'))
                .unwrap_or(rest.len());
            let name = rest.get(..end)?;
            out.push(match name {
                "true" => Token::Literal(Value::Bool(true)),
                "false" => Token::Literal(Value::Bool(false)),
                "null" => Token::Literal(Value::Null),
                "in" => Token::Sign("in"),
                _ => Token::Name(name.to_owned()),
            });
            end
        } else if first.is_ascii_digit() {
            let end = rest
                .find(|c: char| !(c.is_ascii_digit() || c == '.'))
                .unwrap_or(rest.len());
            let number = rest.get(..end)?;
            out.push(Token::Literal(serde_json::from_str(number).ok()?));
            end + usize::from(rest.get(end..)?.starts_with('u'))
        } else if first == '"' || first == '\'' {
            let (value, length) = quoted(rest, first)?;
            out.push(Token::Literal(Value::String(value)));
            length
        } else {
            let sign = SIGNS.iter().find(|s| rest.starts_with(**s))?;
            out.push(Token::Sign(sign));
            sign.len()
        };
        rest = rest.get(length..)?.trim_start();
    }
    Some(out)
}

fn quoted(text: &str, quote: char) -> Option<(String, usize)> {
    let mut out = String::new();
    let mut characters = text.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => match characters.next()?.1 {
                'n' => out.push('\n'),
                't' => out.push('\t'),
                'r' => out.push('\r'),
                other => out.push(other),
            },
            end if end == quote => return Some((out, at + 1)),
            other => out.push(other),
        }
    }
    None
}

struct Reader {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

/// Reads a rule.
pub(super) fn parse(text: &str) -> Option<Expression> {
    let mut reader = Reader {
        tokens: tokens(text)?,
        at: 0,
        depth: 0,
    };
    let expression = reader.choice()?;
    (reader.at == reader.tokens.len()).then_some(expression)
}

impl Reader {
    fn take(&mut self, sign: &str) -> bool {
        let found = matches!(self.tokens.get(self.at), Some(Token::Sign(s)) if *s == sign);
        self.at += usize::from(found);
        found
    }

    fn choice(&mut self) -> Option<Expression> {
        self.depth += 1;
        // nobody nests this deep by hand
        if self.depth > 64 {
            return None;
        }
        let condition = self.binary(0)?;
        let out = if self.take("?") {
            let yes = self.choice()?;
            if !self.take(":") {
                return None;
            }
            Expression::Choice(Box::new(condition), Box::new(yes), Box::new(self.choice()?))
        } else {
            condition
        };
        self.depth -= 1;
        Some(out)
    }

    fn binary(&mut self, level: usize) -> Option<Expression> {
        let Some(operators) = LEVELS.get(level) else {
            return self.unary();
        };
        let mut left = self.binary(level + 1)?;
        while let Some(operator) = operators.iter().find(|o| self.take(o)) {
            let right = self.binary(level + 1)?;
            left = Expression::Binary(operator, Box::new(left), Box::new(right));
        }
        Some(left)
    }

    fn unary(&mut self) -> Option<Expression> {
        let mut signs = Vec::new();
        loop {
            if self.take("!") {
                signs.push('!');
            } else if self.take("-") {
                signs.push('-');
            } else {
                break;
            }
        }
        let mut out = self.postfix()?;
        while let Some(sign) = signs.pop() {
            out = if sign == '!' {
                Expression::Not(Box::new(out))
            } else {
                Expression::Negative(Box::new(out))
            };
        }
        Some(out)
    }

    fn postfix(&mut self) -> Option<Expression> {
        let mut out = self.primary()?;
        loop {
            if self.take(".") {
                let Some(Token::Name(name)) = self.tokens.get(self.at).cloned() else {
                    return None;
                };
                self.at += 1;
                out = if self.take("(") {
                    let arguments = self.list(")")?;
                    Expression::Call(Some(Box::new(out)), name, arguments)
                } else {
                    Expression::Field(Box::new(out), name)
                };
            } else if self.take("[") {
                let index = self.choice()?;
                if !self.take("]") {
                    return None;
                }
                out = Expression::Index(Box::new(out), Box::new(index));
            } else {
                return Some(out);
            }
        }
    }

    fn list(&mut self, end: &str) -> Option<Vec<Expression>> {
        let mut out = Vec::new();
        if self.take(end) {
            return Some(out);
        }
        loop {
            out.push(self.choice()?);
            if self.take(end) {
                return Some(out);
            }
            if !self.take(",") {
                return None;
            }
        }
    }

    fn primary(&mut self) -> Option<Expression> {
        if self.take("(") {
            let out = self.choice()?;
            return self.take(")").then_some(out);
        }
        if self.take("[") {
            return self.list("]").map(Expression::List);
        }
        let token = self.tokens.get(self.at).cloned()?;
        self.at += 1;
        match token {
            Token::Literal(value) => Some(Expression::Literal(value)),
            Token::Name(name) if self.take("(") => self
                .list(")")
                .map(|arguments| Expression::Call(None, name, arguments)),
            Token::Name(name) => Some(Expression::Name(name)),
            Token::Sign(_) => None,
        }
    }
}
