//! The part of DynamoDB's expressions that this project uses.
//! Source: <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.html>.

use std::cmp::Ordering;

use serde_json::{Map, Value, json};

/// An item as DynamoDB's protocol has it: attributes with their types.
pub type Item = Map<String, Value>;

/// What placeholders stand for.
#[derive(Debug, Clone, Copy)]
pub struct Names<'a> {
    pub names: &'a Value,
    pub values: &'a Value,
}

impl<'a> Names<'a> {
    /// Those of a call or of a write.
    pub fn of(input: &'a Value) -> Self {
        Self { names: &input["ExpressionAttributeNames"], values: &input["ExpressionAttributeValues"] }
    }

    fn attribute<'i>(&self, item: &'i Item, path: &str) -> Option<&'i Value> {
        let mut parts = path.split('.').map(|part| self.name(part));
        let first = item.get(parts.next()?);
        parts.fold(first, |value, part| value?.get("M")?.get(part))
    }

    fn name<'t>(&'t self, part: &'t str) -> &'t str {
        self.names.get(part).and_then(Value::as_str).unwrap_or(part)
    }

    fn operand(&self, item: &Item, text: &str) -> Option<Value> {
        if text.starts_with(':') {
            return Some(self.values.get(text).unwrap_or_else(|| panic!("no value for {text}")).clone());
        }
        self.attribute(item, text).cloned()
    }
}

/// Whether an item (empty: there is none) meets a condition.
pub fn holds(condition: &str, item: &Item, names: Names<'_>) -> bool {
    let mut parser = Parser { tokens: tokens(condition), at: 0, item, names };
    let holds = parser.either();
    assert!(parser.at == parser.tokens.len(), "not understood: {condition}");
    holds
}

/// An item after an update, which may `SET` and `ADD`.
pub fn updated(update: &str, mut item: Item, names: Names<'_>) -> Item {
    let mut action = String::new();
    let mut tokens = tokens(update).into_iter().filter(|token| !matches!(token.as_str(), "=" | ","));
    while let Some(token) = tokens.next() {
        if matches!(token.as_str(), "SET" | "ADD") {
            action = token;
            continue;
        }
        let name = names.name(&token).to_owned();
        let value = tokens.next().and_then(|value| names.operand(&item, &value));
        let value = value.unwrap_or_else(|| panic!("not understood: {update}"));
        let value = match action.as_str() {
            "SET" => value,
            _ => json!({ "N": (item.get(&name).map_or(0, number) + number(&value)).to_string() }),
        };
        item.insert(name, value);
    }
    item
}

fn number(value: &Value) -> i128 {
    value["N"].as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("not a number: {value}"))
}

fn compared(one: &Value, other: &Value) -> Option<Ordering> {
    match (&one["N"], &other["N"], &one["S"], &other["S"]) {
        (Value::String(_), Value::String(_), ..) => Some(number(one).cmp(&number(other))),
        (_, _, Value::String(one), Value::String(other)) => Some(one.cmp(other)),
        _ => (one == other).then_some(Ordering::Equal),
    }
}

fn tokens(text: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | ':' | '#');
    for c in text.chars() {
        match tokens.last_mut() {
            Some(last) if is_word(c) && last.chars().all(is_word) => last.push(c),
            Some(last) if matches!(c, '=' | '>') && matches!(last.as_str(), "<" | ">") => last.push(c),
            _ => tokens.push(c.to_string()),
        }
    }
    tokens.into_iter().filter(|token| !token.trim().is_empty()).collect()
}

struct Parser<'a> {
    tokens: Vec<String>,
    at: usize,
    item: &'a Item,
    names: Names<'a>,
}

impl Parser<'_> {
    fn takes(&mut self, token: &str) -> bool {
        let is_next = self.tokens.get(self.at).is_some_and(|next| next == token);
        self.at += usize::from(is_next);
        is_next
    }

    fn next(&mut self) -> String {
        self.at += 1;
        self.tokens.get(self.at - 1).cloned().unwrap_or_default()
    }

    fn either(&mut self) -> bool {
        let mut holds = self.both();
        while self.takes("OR") {
            holds |= self.both();
        }
        holds
    }

    fn both(&mut self) -> bool {
        let mut holds = self.one();
        while self.takes("AND") {
            holds &= self.one();
        }
        holds
    }

    fn one(&mut self) -> bool {
        if self.takes("(") {
            let holds = self.either();
            assert!(self.takes(")"), "a parenthesis is missing");
            return holds;
        }
        let first = self.next();
        if self.takes("(") {
            return self.function(&first);
        }
        let operator = self.next();
        let second = self.next();
        let (one, other) = (self.names.operand(self.item, &first), self.names.operand(self.item, &second));
        let Some((one, other)) = one.zip(other) else { return false };
        let order = compared(&one, &other);
        match operator.as_str() {
            "=" => order == Some(Ordering::Equal),
            "<>" => order != Some(Ordering::Equal),
            "<" => order == Some(Ordering::Less),
            "<=" => matches!(order, Some(Ordering::Less | Ordering::Equal)),
            ">" => order == Some(Ordering::Greater),
            ">=" => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
            _ => panic!("not understood: {first} {operator} {second}"),
        }
    }

    fn function(&mut self, name: &str) -> bool {
        let mut arguments = vec![self.next()];
        while self.takes(",") {
            arguments.push(self.next());
        }
        assert!(self.takes(")"), "a parenthesis is missing");
        let first = self.names.operand(self.item, &arguments[0]);
        match name {
            "attribute_exists" => first.is_some(),
            "attribute_not_exists" => first.is_none(),
            "begins_with" => {
                let prefix = self.names.operand(self.item, &arguments[1]).unwrap_or_default();
                let text = first.unwrap_or_default();
                text["S"].as_str().zip(prefix["S"].as_str()).is_some_and(|(text, prefix)| text.starts_with(prefix))
            }
            "attribute_type" => {
                let kind = self.names.operand(self.item, &arguments[1]).unwrap_or_default();
                first.zip(kind["S"].as_str()).is_some_and(|(value, kind)| value.get(kind).is_some())
            }
            _ => panic!("not understood: {name}"),
        }
    }
}
