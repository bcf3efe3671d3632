//! The pickles in which CIFAR's Python version comes: dictionaries of lists, numbers, texts and arrays of bytes.
//!
//! Nothing is executed: a call of a function is kept as the function's name beside its arguments, and every opcode that these files do not
//! use is refused. Memory is bounded by the file: what the memo keeps is short, and containers are counted.

use super::DataError;

/// What a pickle holds.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// None, or something of which only the place matters.
    Other,
    Number(i64),
    /// A text, or bytes.
    Text(Vec<u8>),
    List(Vec<Value>),
    Dict(Vec<(Value, Value)>),
    /// The name of a function or class.
    Global(Vec<u8>),
    /// What a call would make: its name, its arguments, and its state if one is set.
    Call(Box<(Value, Value, Value)>),
    Mark,
}

impl Value {
    /// The value of a key of a dictionary.
    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        match self {
            Value::Dict(pairs) => {
                pairs.iter().find(|(k, _)| *k == Value::Text(key.as_bytes().to_vec())).map(|(_, value)| value)
            }
            _ => None,
        }
    }

    /// Dimensions and bytes of a numpy array of unsigned bytes, last dimension fastest.
    pub(super) fn byte_array(&self) -> Option<(Vec<usize>, &[u8])> {
        let Value::Call(call) = self else { return None };
        let Value::List(state) = &call.2 else { return None };
        let [_, Value::List(dims), Value::Call(dtype), Value::Number(0), Value::Text(bytes)] = &state[..] else {
            return None;
        };
        let Value::List(kind) = &dtype.1 else { return None };
        let is_bytes = matches!(kind.first(), Some(Value::Text(kind)) if kind == b"u1");
        let dims: Vec<usize> = dims
            .iter()
            .map(|dim| match dim {
                Value::Number(dim) => usize::try_from(*dim).ok(),
                _ => None,
            })
            .collect::<Option<_>>()?;
        let count = dims.iter().try_fold(1usize, |product, &dim| product.checked_mul(dim))?;
        (is_bytes && count == bytes.len()).then_some((dims, bytes))
    }
}

/// Longest text that the memo keeps.
const SHORT: usize = 64;
/// Most containers; the files have fewer than twenty. It bounds how deep values lie in each other.
const CONTAINERS: usize = 256;

struct Parser<'a> {
    rest: &'a [u8],
    stack: Vec<Value>,
    memo: std::collections::BTreeMap<u32, Value>,
    containers: usize,
}

/// Parses a pickle of protocol 2; `file` names it in errors.
pub(super) fn parse(file: &str, raw: &[u8]) -> Result<Value, DataError> {
    let mut parser = Parser { rest: raw, stack: Vec::new(), memo: Default::default(), containers: 0 };
    parser.run().map_err(|found| DataError::Foreign {
        file: file.to_string(),
        expected: "pickle of CIFAR's Python version",
        found,
        mend: "unpack the archive of the data set again",
    })
}

impl<'a> Parser<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or("ends too early")?;
        self.rest = rest;
        Ok(taken)
    }

    fn unsigned(&mut self, width: usize) -> Result<u32, String> {
        Ok(self.take(width)?.iter().rev().fold(0, |number, &byte| number << 8 | u32::from(byte)))
    }

    fn line(&mut self) -> Result<&'a [u8], String> {
        let end = self.rest.iter().position(|&byte| byte == b'\n').ok_or("ends within a line")?;
        let line = self.take(end)?;
        self.take(1)?;
        Ok(line)
    }

    fn pop(&mut self) -> Result<Value, String> {
        match self.stack.pop() {
            None | Some(Value::Mark) => Err("takes more values than it has".to_string()),
            Some(value) => Ok(value),
        }
    }

    /// All values since the last mark.
    fn since_mark(&mut self) -> Result<Vec<Value>, String> {
        let mark = self.stack.iter().rposition(|value| *value == Value::Mark).ok_or("has no mark")?;
        let values = self.stack.split_off(mark + 1);
        self.stack.pop();
        Ok(values)
    }

    fn text(&mut self, width: usize) -> Result<(), String> {
        let length = self.unsigned(width)? as usize;
        let text = self.take(length)?.to_vec();
        self.stack.push(Value::Text(text));
        Ok(())
    }

    fn container(&mut self, value: Value) -> Result<(), String> {
        self.containers += 1;
        if self.containers > CONTAINERS {
            return Err(format!("holds more than {CONTAINERS} lists"));
        }
        self.stack.push(value);
        Ok(())
    }

    fn remember(&mut self, key: u32) -> Result<(), String> {
        let value = match self.stack.last() {
            Some(value @ (Value::Text(text) | Value::Global(text))) if text.len() <= SHORT => value.clone(),
            Some(value @ Value::Number(_)) => value.clone(),
            Some(_) => Value::Mark,
            None => return Err("remembers a value that it has not".to_string()),
        };
        self.memo.insert(key, value);
        Ok(())
    }

    fn recall(&mut self, key: u32) -> Result<(), String> {
        match self.memo.get(&key) {
            Some(Value::Mark) | None => Err("repeats a value that such a file does not repeat".to_string()),
            Some(value) => {
                self.stack.push(value.clone());
                Ok(())
            }
        }
    }

    fn run(&mut self) -> Result<Value, String> {
        loop {
            let [code] = *self.take(1)? else { return Err("ends too early".to_string()) };
            match code {
                0x80 => drop(self.take(1)?),
                b'(' => self.stack.push(Value::Mark),
                b'}' => self.container(Value::Dict(Vec::new()))?,
                b']' | b')' => self.container(Value::List(Vec::new()))?,
                b'N' => self.stack.push(Value::Other),
                0x88 => self.stack.push(Value::Number(1)),
                0x89 => self.stack.push(Value::Number(0)),
                b'K' => {
                    let number = self.unsigned(1)?;
                    self.stack.push(Value::Number(number.into()));
                }
                b'M' => {
                    let number = self.unsigned(2)?;
                    self.stack.push(Value::Number(number.into()));
                }
                b'J' => {
                    let number = self.unsigned(4)? as i32;
                    self.stack.push(Value::Number(number.into()));
                }
                b'U' | b'C' => self.text(1)?,
                b'T' | b'X' | b'B' => self.text(4)?,
                b'q' => {
                    let key = self.unsigned(1)?;
                    self.remember(key)?;
                }
                b'r' => {
                    let key = self.unsigned(4)?;
                    self.remember(key)?;
                }
                b'h' => {
                    let key = self.unsigned(1)?;
                    self.recall(key)?;
                }
                b'j' => {
                    let key = self.unsigned(4)?;
                    self.recall(key)?;
                }
                b'c' => {
                    let name = [self.line()?, b".", self.line()?].concat();
                    self.stack.push(Value::Global(name));
                }
                b't' => {
                    let values = self.since_mark()?;
                    self.container(Value::List(values))?;
                }
                0x85..=0x87 => {
                    let mut values = (0x85..=code).map(|_| self.pop()).collect::<Result<Vec<_>, _>>()?;
                    values.reverse();
                    self.container(Value::List(values))?;
                }
                b'R' => {
                    let (arguments, name) = (self.pop()?, self.pop()?);
                    self.container(Value::Call(Box::new((name, arguments, Value::Other))))?;
                }
                b'b' => {
                    let state = self.pop()?;
                    match self.stack.last_mut() {
                        Some(Value::Call(call)) => call.2 = state,
                        _ => return Err("sets the state of something that has none".to_string()),
                    }
                }
                b'e' | b'a' => {
                    let values = if code == b'a' { vec![self.pop()?] } else { self.since_mark()? };
                    match self.stack.last_mut() {
                        Some(Value::List(list)) => list.extend(values),
                        _ => return Err("adds to something that is no list".to_string()),
                    }
                }
                b'u' | b's' => {
                    let values = if code == b'u' {
                        self.since_mark()?
                    } else {
                        let (value, key) = (self.pop()?, self.pop()?);
                        vec![key, value]
                    };
                    let Some(Value::Dict(pairs)) = self.stack.last_mut() else {
                        return Err("adds to something that is no dictionary".to_string());
                    };
                    let mut values = values.into_iter();
                    while let (Some(key), Some(value)) = (values.next(), values.next()) {
                        pairs.push((key, value));
                    }
                }
                b'.' => return self.pop(),
                other => return Err(format!("has the opcode {other:#04x}, which such a file does not use")),
            }
        }
    }
}
