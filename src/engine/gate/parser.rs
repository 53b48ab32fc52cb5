//! DuckDB's own parser, in a separate instance. No file is attached to that instance, no query runs in it and
//! no view or macro is created in it, so its answers come from DuckDB alone.
//!
//! Everything here only parses and never binds. Parsing takes as long as the text requires and cannot be
//! interrupted: the broker's deadline ends the worker.

#![expect(unsafe_code, reason = "the C API tells statements and tokens, which duckdb-rs has no wrapper for")]

use std::ptr;

use libduckdb_sys::v2::{self, DUCKDB_V2_STATEMENT_TYPE, DUCKDB_V2_TOKEN_TYPE};
use parking_lot::Mutex;

use super::handles::{
    Chunk, Instance, ParsedStatement, ResultHandle, Statements, Tokens, Value, call, copied,
};
use crate::error::{Error, Result};

/// The query that returns the parse tree.
const SERIALIZE: &str = "SELECT system.main.json_serialize_sql($1::VARCHAR)";

/// Options of the instance. It parses on the calling thread, so it needs no other.
const OPTIONS: &[(&str, &str)] = &[
    ("threads", "1"),
    ("async_threads", "0"),
    ("enable_external_access", "false"),
    ("autoinstall_known_extensions", "false"),
    ("autoload_known_extensions", "false"),
    ("allow_persistent_secrets", "false"),
    ("lock_configuration", "true"),
];

/// The kind of a statement, as DuckDB's parser tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StatementKind {
    Select,
    Explain,
    /// A statement that DuckDB runs as several, such as `PIVOT` without `IN`.
    Multi,
    Other,
}

/// One statement of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Statement {
    pub(super) kind: StatementKind,
    /// Its text up to the next statement or the end, with plain spaces in place of the Unicode spaces that
    /// DuckDB treats as spaces.
    pub(super) text: String,
}

/// The kind of a token, as DuckDB's tokenizer tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// A keyword of DuckDB's grammar; most keywords may also be names.
    Keyword,
    /// Any other word, or a quoted identifier.
    Identifier,
    String,
    Number,
    Operator,
    Comment,
    /// `;`
    Terminator,
}

/// A piece of a text, as DuckDB's tokenizer splits it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) kind: TokenKind,
    pub(super) text: &'a str,
    /// Byte offset of its first byte.
    pub(super) start: usize,
}

impl Token<'_> {
    pub(super) fn end(&self) -> usize {
        self.start + self.text.len()
    }

    /// Returns whether it is this word without quotes.
    pub(super) fn is_word(&self, word: &str) -> bool {
        matches!(self.kind, TokenKind::Keyword | TokenKind::Identifier)
            && self.text.eq_ignore_ascii_case(word)
    }

    /// Returns whether it is this name, with or without quotes.
    pub(super) fn is_name(&self, name: &str) -> bool {
        let text = match self.kind {
            TokenKind::Keyword | TokenKind::Identifier | TokenKind::String => {
                self.text.trim_matches(['"', '`', '\''])
            }
            _ => return false,
        };
        text.eq_ignore_ascii_case(name)
    }
}

/// The parser's instance, with one connection for each thread that uses it at the same time.
pub(super) struct Parser {
    idle: Mutex<Vec<Session>>,
    instance: Instance,
}

impl Parser {
    /// Opens the instance.
    ///
    /// # Errors
    /// DuckDB's error, as [`crate::error::Kind::Internal`].
    pub(super) fn open() -> Result<Self> {
        let instance = Instance::open(OPTIONS)?;
        let first = Session::new(&instance)?;
        Ok(Self { idle: Mutex::new(vec![first]), instance })
    }

    /// Returns the statements of `sql`, or DuckDB's reason why there are none. Usually `sql` does not parse,
    /// and its [`Parser::tree`] tells where.
    ///
    /// # Errors
    /// [`crate::error::Kind::Internal`] if DuckDB fails before it parses.
    pub(super) fn statements(&self, sql: &str) -> Result<Result<Vec<Statement>>> {
        self.with_session(|session| session.statements(sql))
    }

    /// Returns the tokens of `sql`, including comments and without blanks.
    ///
    /// # Errors
    /// Those of [`Parser::statements`].
    pub(super) fn tokens<'a>(&self, sql: &'a str) -> Result<Vec<Token<'a>>> {
        self.with_session(|session| session.tokens(sql))
    }

    /// Returns the JSON that `json_serialize_sql` prints: the parse tree of `sql`, or the reason why there is
    /// none.
    ///
    /// # Errors
    /// Those of [`Parser::statements`].
    pub(super) fn tree(&self, sql: &str) -> Result<String> {
        self.with_session(|session| session.tree(sql))
    }

    fn with_session<T>(&self, work: impl FnOnce(&Session) -> Result<T>) -> Result<T> {
        let idle = self.idle.lock().pop();
        let session = match idle {
            Some(session) => session,
            None => Session::new(&self.instance)?,
        };
        let result = work(&session);
        // After a failure of DuckDB itself, the next caller gets a new connection.
        if result.is_ok() {
            self.idle.lock().push(session);
        }
        result
    }
}

/// A connection with the prepared query for parse trees. One thread uses it at a time; it may move between
/// threads.
struct Session {
    connection: v2::duckdb_v2_connection_handle,
    serialize: v2::duckdb_v2_prepared_statement_handle,
    factory: v2::duckdb_v2_factory_handle,
}

// SAFETY: a connection may be used by any thread, one at a time, and no session is shared.
unsafe impl Send for Session {}

impl Session {
    fn new(instance: &Instance) -> Result<Self> {
        let mut made =
            Self { connection: ptr::null_mut(), serialize: ptr::null_mut(), factory: instance.factory };
        // SAFETY: the instance is open, and the out pointers are valid for the call.
        call(|error| unsafe {
            v2::duckdb_v2_connection_create(instance.handle, &raw mut made.connection, error)
        })?;
        let statements = Statements::of(made.connection, SERIALIZE)?;
        let statement = statements.next()?.ok_or_else(|| Error::internal("DuckDB parses no statement"))?;
        // SAFETY: connection and statement are alive; the statement is copied.
        call(|error| unsafe {
            v2::duckdb_v2_prepared_statement_create(
                made.connection,
                statement.0,
                false,
                &raw mut made.serialize,
                error,
            )
        })?;
        Ok(made)
    }

    fn statements(&self, sql: &str) -> Result<Result<Vec<Statement>>> {
        let mut found = Vec::new();
        let statements = Statements::of(self.connection, sql)?;
        loop {
            match statements.next() {
                Ok(Some(statement)) => found.push(read(&statement)?),
                Ok(None) => return Ok(Ok(found)),
                Err(why) => return Ok(Err(why)),
            }
        }
    }

    fn tokens<'a>(&self, sql: &'a str) -> Result<Vec<Token<'a>>> {
        let text = v2::duckdb_v2_str::from(sql);
        let mut tokens = Tokens(ptr::null_mut());
        // SAFETY: the connection is alive, the text outlives the call, and `Drop` destroys the iterator.
        call(|error| unsafe {
            v2::duckdb_v2_tokenize_sql(self.connection, &raw const text, &raw mut tokens.0, error)
        })?;
        let mut found = Vec::new();
        loop {
            let mut kind = DUCKDB_V2_TOKEN_TYPE::DUCKDB_V2_TOKEN_TYPE_INVALID;
            let (mut start, mut length) = (0, 0);
            // SAFETY: the iterator is alive, and the out pointers are valid for the call.
            call(|error| unsafe {
                v2::duckdb_v2_token_iterator_next(
                    tokens.0,
                    &raw mut kind,
                    &raw mut start,
                    &raw mut length,
                    error,
                )
            })?;
            let kind = match kind {
                DUCKDB_V2_TOKEN_TYPE::DUCKDB_V2_TOKEN_TYPE_END_OF_INPUT => return Ok(found),
                DUCKDB_V2_TOKEN_TYPE::DUCKDB_V2_TOKEN_TYPE_KEYWORD => TokenKind::Keyword,
                DUCKDB_V2_TOKEN_TYPE::DUCKDB_V2_TOKEN_TYPE_IDENTIFIER => TokenKind::Identifier,
                DUCKDB_V2_TOKEN_TYPE::DUCKDB_V2_TOKEN_TYPE_STRING_LITERAL => TokenKind::String,
                DUCKDB_V2_TOKEN_TYPE::DUCKDB_V2_TOKEN_TYPE_NUMBER_LITERAL => TokenKind::Number,
                DUCKDB_V2_TOKEN_TYPE::DUCKDB_V2_TOKEN_TYPE_COMMENT => TokenKind::Comment,
                DUCKDB_V2_TOKEN_TYPE::DUCKDB_V2_TOKEN_TYPE_TERMINATOR => TokenKind::Terminator,
                _ => TokenKind::Operator,
            };
            let text = usize::try_from(start).ok().zip(usize::try_from(start + length).ok());
            let text = text.and_then(|(start, end)| Some((start, sql.get(start..end)?)));
            // Only after a `$` that opens no string does DuckDB give a wrong position, which may lie within a
            // character.
            let Some((start, text)) = text else { continue };
            found.push(Token { kind, text, start });
        }
    }

    fn tree(&self, sql: &str) -> Result<String> {
        let text = v2::duckdb_v2_str::from(sql);
        let mut value = Value(ptr::null_mut());
        // SAFETY: the factory lives as long as the instance; the text is copied.
        call(|error| unsafe {
            v2::duckdb_v2_value_create_varchar(self.factory, &raw const text, &raw mut value.0, error)
        })?;
        let mut result = ResultHandle(ptr::null_mut());
        // SAFETY: the statement is alive and has one positional parameter; the value is copied.
        call(|error| unsafe {
            v2::duckdb_v2_prepared_statement_execute(
                self.serialize,
                ptr::null(),
                &raw const value.0,
                1,
                &raw mut result.0,
                error,
            )
        })?;
        let mut chunk = Chunk(ptr::null_mut());
        // SAFETY: the result is alive; `Drop` destroys the chunk.
        call(|error| unsafe { v2::duckdb_v2_result_fetch_chunk(result.0, &raw mut chunk.0, error) })?;
        if chunk.0.is_null() {
            return Err(Error::internal("DuckDB gives no parse tree"));
        }
        let mut vector = ptr::null_mut();
        // SAFETY: the chunk is alive and has one column, which is borrowed.
        call(|error| unsafe { v2::duckdb_v2_data_chunk_get_vector(chunk.0, 0, &raw mut vector, error) })?;
        let mut tree = Value(ptr::null_mut());
        // SAFETY: the vector lives as long as its chunk, and the chunk has a row.
        call(|error| unsafe { v2::duckdb_v2_vector_get_value(vector, 0, &raw mut tree.0, error) })?;
        let mut text = v2::duckdb_v2_str::default();
        // SAFETY: the value is alive, and lends its text.
        call(|error| unsafe { v2::duckdb_v2_value_get_varchar(tree.0, &raw mut text, error) })?;
        // SAFETY: the value outlives the copy.
        Ok(unsafe { copied(text) })
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // SAFETY: each handle is destroyed once, the statement before its connection; null handles are
        // ignored.
        unsafe {
            v2::duckdb_v2_prepared_statement_destroy(&raw mut self.serialize);
            v2::duckdb_v2_connection_destroy(&raw mut self.connection);
        }
    }
}

fn read(statement: &ParsedStatement) -> Result<Statement> {
    let mut kind = DUCKDB_V2_STATEMENT_TYPE::DUCKDB_V2_STATEMENT_TYPE_INVALID;
    // SAFETY: the statement is alive, and the out pointers are valid for the call.
    call(|error| unsafe { v2::duckdb_v2_sql_statement_get_type(statement.0, &raw mut kind, error) })?;
    let mut text = v2::duckdb_v2_str::default();
    // SAFETY: as above; the statement lends its text.
    call(|error| unsafe { v2::duckdb_v2_sql_statement_get_text(statement.0, &raw mut text, error) })?;
    let kind = match kind {
        DUCKDB_V2_STATEMENT_TYPE::DUCKDB_V2_STATEMENT_TYPE_SELECT => StatementKind::Select,
        DUCKDB_V2_STATEMENT_TYPE::DUCKDB_V2_STATEMENT_TYPE_EXPLAIN => StatementKind::Explain,
        DUCKDB_V2_STATEMENT_TYPE::DUCKDB_V2_STATEMENT_TYPE_MULTI => StatementKind::Multi,
        _ => StatementKind::Other,
    };
    // SAFETY: the statement outlives the copy.
    Ok(Statement { kind, text: unsafe { copied(text) } })
}
