//! The demo's SQL texts: lead patterns written by hand, and others generated from the tables of a shop.

use super::random::pick;
use super::role::{Role, weeks_ago};

/// A pattern written by hand, with its role.
#[derive(Debug)]
pub(super) struct Lead {
    pub(super) pattern: &'static str,
    pub(super) role: Role,
    pub(super) p95_ms: f64,
    pub(super) samples: f64,
}

const fn lead(pattern: &'static str, role: Role, p95_ms: f64, samples: f64) -> Lead {
    Lead { pattern, role, p95_ms, samples }
}

/// The lead patterns: those that change, those whose text is difficult for a dashboard, and those that run
/// most often.
pub(super) const LEADS: [Lead; 18] = [
    lead(
        "SELECT * FROM orders WHERE customer_id = ? ORDER BY created_at DESC LIMIT ?",
        Role::Regression(8.0, weeks_ago::REGRESSION),
        46.0,
        21_000.0,
    ),
    lead(
        "SELECT p.id, p.name, count(*) FROM products p JOIN reviews r ON r.product_id = p.id WHERE p.category_id = ? GROUP BY p.id, p.name",
        Role::Fix(7.0, weeks_ago::FIX),
        430.0,
        5_200.0,
    ),
    lead(
        "SELECT id, embedding <=> ? AS distance FROM product_vectors ORDER BY distance LIMIT ?",
        Role::Appears,
        290.0,
        7_500.0,
    ),
    lead("SELECT * FROM legacy_carts WHERE session_token = ?", Role::Vanishes, 310.0, 2_600.0),
    lead(
        "SELECT sum(amount) FROM ledger_entries WHERE account_id = ? AND booked_at >= ?",
        Role::Drift(3.1),
        70.0,
        9_000.0,
    ),
    lead(
        "SELECT count(*) FROM audit_events WHERE actor_id = ? AND occurred_at > ?",
        Role::Drift(3.4),
        41.0,
        4_100.0,
    ),
    lead("INSERT INTO search_terms (term, shown_at) VALUES (?, ?)", Role::Drift(1.9), 57.0, 12_500.0),
    lead(
        "SELECT date_trunc(?, created_at) AS day, sum(total) FROM orders GROUP BY day ORDER BY day",
        Role::Steady,
        340.0,
        900.0,
    ),
    // These two differ only at the end.
    lead(
        "SELECT o.id, o.status, o.total, c.name, c.email, c.country, s.carrier, s.tracking_code FROM orders o JOIN customers c ON c.id = o.customer_id JOIN shipments s ON s.order_id = o.id WHERE o.created_at >= ? AND o.created_at < ? ORDER BY o.total ASC",
        Role::Steady,
        255.0,
        1_300.0,
    ),
    lead(
        "SELECT o.id, o.status, o.total, c.name, c.email, c.country, s.carrier, s.tracking_code FROM orders o JOIN customers c ON c.id = o.customer_id JOIN shipments s ON s.order_id = o.id WHERE o.created_at >= ? AND o.created_at < ? ORDER BY o.total DESC",
        Role::Steady,
        190.0,
        1_700.0,
    ),
    // A text with quotes, braces and a dollar sign, which variables must carry unchanged.
    lead(
        "SELECT payload->>'$.it''s' FROM events WHERE tags @> '{a,b}' AND kind = ?",
        Role::Steady,
        135.0,
        3_300.0,
    ),
    lead("SELECT * FROM sessions WHERE token = ?", Role::Steady, 4.2, 96_000.0),
    lead(
        "SELECT price, currency FROM prices WHERE product_id = ? AND valid_to IS NULL",
        Role::Fix(2.0, weeks_ago::LAST),
        7.5,
        71_000.0,
    ),
    lead("SELECT quantity FROM stock WHERE product_id = ? AND warehouse_id = ?", Role::Steady, 6.1, 52_000.0),
    lead("UPDATE carts SET updated_at = ? WHERE id = ?", Role::Steady, 11.0, 43_000.0),
    lead(
        "SELECT id, name, slug FROM categories WHERE parent_id = ? ORDER BY position",
        Role::Regression(2.4, weeks_ago::LAST),
        9.3,
        33_000.0,
    ),
    // The monthly closing of accounts.
    lead(
        "WITH booked AS (SELECT account_id, sum(amount) AS total FROM ledger_entries WHERE booked_at >= ? GROUP BY account_id) SELECT a.id, a.name, b.total FROM accounts a LEFT JOIN booked b ON b.account_id = a.id ORDER BY a.id",
        Role::Monthly,
        620.0,
        40.0,
    ),
    lead("DELETE FROM sessions WHERE expires_at < ?", Role::Steady, 180.0, 340.0),
];

/// The shop's tables and their columns.
const TABLES: [(&str, [&str; 8]); 24] = [
    (
        "orders",
        ["customer_id", "status", "total", "currency", "placed_by", "coupon_id", "channel", "created_at"],
    ),
    (
        "order_items",
        [
            "order_id",
            "product_id",
            "quantity",
            "unit_price",
            "discount",
            "tax_rate",
            "position",
            "returned_at",
        ],
    ),
    (
        "customers",
        ["email", "country", "segment", "locale", "loyalty_tier", "referrer_id", "birth_year", "created_at"],
    ),
    (
        "products",
        ["sku", "name", "category_id", "brand_id", "weight_g", "released_on", "rating", "is_active"],
    ),
    (
        "prices",
        ["product_id", "currency", "price", "price_list", "valid_from", "valid_to", "set_by", "reason"],
    ),
    (
        "stock",
        [
            "product_id",
            "warehouse_id",
            "quantity",
            "reserved",
            "reorder_level",
            "shelf",
            "counted_at",
            "batch",
        ],
    ),
    ("warehouses", ["code", "city", "country", "capacity", "opened_on", "manager_id", "timezone", "is_open"]),
    (
        "shipments",
        ["order_id", "carrier", "tracking_code", "weight_g", "sent_at", "delivered_at", "cost", "zone"],
    ),
    ("payments", ["order_id", "method", "amount", "currency", "provider_ref", "state", "captured_at", "fee"]),
    (
        "refunds",
        ["payment_id", "amount", "reason", "state", "requested_by", "approved_by", "requested_at", "paid_at"],
    ),
    ("invoices", ["order_id", "number", "net", "vat", "due_on", "paid_on", "reminder_level", "issued_at"]),
    (
        "carts",
        [
            "session_id",
            "customer_id",
            "item_count",
            "subtotal",
            "currency",
            "abandoned_at",
            "updated_at",
            "device",
        ],
    ),
    (
        "reviews",
        [
            "product_id",
            "customer_id",
            "stars",
            "title",
            "helpful_votes",
            "language",
            "published_at",
            "is_verified",
        ],
    ),
    ("coupons", ["code", "kind", "amount", "min_total", "max_uses", "used", "starts_at", "ends_at"]),
    (
        "sessions",
        [
            "token",
            "customer_id",
            "ip_address",
            "user_agent",
            "landing_page",
            "started_at",
            "expires_at",
            "country",
        ],
    ),
    (
        "page_views",
        ["session_id", "path", "referrer", "duration_ms", "viewport", "experiment", "variant", "viewed_at"],
    ),
    (
        "lookups",
        ["term", "result_count", "clicked_id", "session_id", "page", "filters", "took_ms", "searched_at"],
    ),
    (
        "suppliers",
        [
            "name",
            "country",
            "lead_days",
            "contact_email",
            "rating",
            "payment_terms",
            "active_since",
            "vat_id",
        ],
    ),
    (
        "purchase_orders",
        [
            "supplier_id",
            "warehouse_id",
            "state",
            "expected_on",
            "total",
            "currency",
            "ordered_by",
            "ordered_at",
        ],
    ),
    (
        "employees",
        ["email", "department", "role", "manager_id", "hired_on", "left_on", "site", "cost_centre"],
    ),
    (
        "tickets",
        ["customer_id", "subject", "state", "priority", "assignee_id", "opened_at", "closed_at", "channel"],
    ),
    (
        "notifications",
        [
            "customer_id",
            "template",
            "channel",
            "sent_at",
            "opened_at",
            "clicked_at",
            "bounced",
            "campaign_id",
        ],
    ),
    ("campaigns", ["name", "channel", "budget", "starts_at", "ends_at", "segment", "owner_id", "state"]),
    (
        "audit_events",
        ["actor_id", "action", "entity", "entity_id", "ip_address", "request_id", "outcome", "occurred_at"],
    ),
];

/// Templates of statements: `{t}` is a table, `{a}` and `{b}` are two of its columns, `{u}` is another table,
/// `{c}` one of its columns, `{k}` the column that refers to it.
const SHAPES: [&str; 16] = [
    "SELECT * FROM {t} WHERE {a} = ?",
    "SELECT id, {a}, {b} FROM {t} WHERE {a} = ? ORDER BY {b} DESC LIMIT ?",
    "SELECT {b}, count(*) FROM {t} WHERE {a} = ? GROUP BY {b}",
    "SELECT id FROM {t} WHERE {a} = ? AND {b} = ?",
    "SELECT id, {a} FROM {t} WHERE {b} IN (?) ORDER BY id",
    "SELECT max({a}) FROM {t} WHERE {b} = ?",
    "SELECT DISTINCT {a} FROM {t} WHERE {b} IS NOT NULL",
    "UPDATE {t} SET {a} = ? WHERE id = ?",
    "UPDATE {t} SET {a} = ?, {b} = ? WHERE id = ?",
    "DELETE FROM {t} WHERE {a} = ? AND {b} < ?",
    "INSERT INTO {t} ({a}, {b}) VALUES (?, ?)",
    "SELECT t.id, t.{a}, u.{c} FROM {t} t JOIN {u} u ON u.id = t.{k} WHERE u.{c} = ?",
    "SELECT u.{c}, count(*) FROM {t} t JOIN {u} u ON u.id = t.{k} WHERE t.{a} = ? GROUP BY u.{c} ORDER BY count(*) DESC LIMIT ?",
    "SELECT t.* FROM {t} t LEFT JOIN {u} u ON u.id = t.{k} WHERE u.{c} IS NULL AND t.{b} = ?",
    "SELECT t.{b}, max(t.{a}) FROM {t} t WHERE EXISTS (SELECT ? FROM {u} u WHERE u.id = t.{k} AND u.{c} > ?) GROUP BY t.{b}",
    "WITH latest AS (SELECT {k}, max({a}) AS newest FROM {t} GROUP BY {k}) SELECT u.id, u.{c}, l.newest FROM {u} u JOIN latest l ON l.{k} = u.id",
];

/// Generates the pattern for `key`; two keys may give the same pattern. `None` if the same column or table
/// was drawn twice.
pub(super) fn invent(seed: u64, key: u64) -> Option<String> {
    let shape = pick(seed, &[key, 11], &SHAPES)?;
    let (table, columns) = pick(seed, &[key, 12], &TABLES)?;
    let (other, other_columns) = pick(seed, &[key, 13], &TABLES)?;
    let a = pick(seed, &[key, 14], columns)?;
    let b = pick(seed, &[key, 15], columns)?;
    let c = pick(seed, &[key, 16], other_columns)?;
    if a == b || table == other {
        return None;
    }
    let text = shape.replace("{t}", table).replace("{a}", a).replace("{b}", b);
    let reference = format!("{}_id", other.trim_end_matches('s'));
    Some(text.replace("{u}", other).replace("{c}", c).replace("{k}", &reference))
}
