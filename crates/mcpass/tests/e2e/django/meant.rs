//! In what answers are meant to differ from those of Django Admin MCP, and why. A difference that no
//! answer has is a fault of this list.

use super::compare::{Is, Meant};

/// How answers differ.
pub(super) const MEANT: &[Meant] = &[
    Meant {
        of: "list get related",
        at: "**/contributors",
        is: Is::Less,
        because: "a link table with fields of its own is a model (`contribution`), since links of \
                  it cannot be written without them",
    },
    Meant {
        of: "list related",
        at: "next_cursor",
        is: Is::More,
        because: "pages are found again by cursors, which rows that come and go do not move",
    },
    Meant {
        of: "find",
        at: "models/*/operations",
        is: Is::More,
        because: "it says which tools the token may use",
    },
    Meant {
        of: "find",
        at: "models/newsdesk_tag",
        is: Is::More,
        because: "of two models of one name, mcpass has both",
    },
    Meant {
        of: "find",
        at: "count",
        is: Is::Other,
        because: "of two models of one name, mcpass has both",
    },
    Meant {
        of: "get",
        at: "_inlines/*",
        is: Is::More,
        because: "all that refers to a row is offered, where Django has what its admin declares",
    },
    Meant {
        of: "get",
        at: "_related/*",
        is: Is::More,
        because: "what a row refers to and is linked with is related too",
    },
    Meant { of: "get", at: "_related", is: Is::More, because: "an empty object is said" },
    // What the database does not tell of a model, and no setting either.
    Meant {
        of: "describe",
        at: "fields/*/type",
        is: Is::Other,
        because: "the database knows texts and whole numbers, and not which of Django's classes",
    },
    Meant {
        of: "describe",
        at: "fields/*/max_length",
        is: Is::Less,
        because: "a UUID has a type and no length",
    },
    Meant {
        of: "describe",
        at: "fields/*/max_digits",
        is: Is::More,
        because: "PostgreSQL knows the precision, which Django Admin MCP does not say",
    },
    Meant {
        of: "describe",
        at: "fields/*/decimal_places",
        is: Is::More,
        because: "the places are known, which Django Admin MCP does not say",
    },
    Meant {
        of: "describe",
        at: "**/required",
        is: Is::Other,
        because: "what may be left empty (`blank`) and has no default is in Django's code alone",
    },
    Meant {
        of: "describe",
        at: "fields/*/default",
        is: Is::More,
        because: "what new rows have where nothing is said is a default, be it an empty text",
    },
    Meant {
        of: "describe",
        at: "fields/*/has_default",
        is: Is::Less,
        because: "defaults that are computed (`uuid4`) are in Django's code",
    },
    Meant {
        of: "describe",
        at: "fields/*/has_default",
        is: Is::More,
        because: "what the database or mcpass fills in is said to be",
    },
    Meant {
        of: "describe",
        at: "**/null",
        is: Is::More,
        because: "whether null is a value is said",
    },
    Meant {
        of: "describe",
        at: "fields/*/editable",
        is: Is::Other,
        because: "what an admin declares to be for reading is told by `writable`",
    },
    Meant {
        of: "describe",
        at: "relationships/*/relation",
        is: Is::More,
        because: "the name by which `related_` knows it is said",
    },
    Meant {
        of: "describe",
        at: "relationships/*/kind",
        is: Is::More,
        because: "which end of a foreign key it is, is said",
    },
    Meant {
        of: "describe",
        at: "relationships/*/on_delete",
        is: Is::More,
        because: "of what refers here it is said too",
    },
    Meant {
        of: "describe",
        at: "relationships/contributors",
        is: Is::Less,
        because: "a link table with fields of its own is a model (`contribution`)",
    },
    Meant {
        of: "describe",
        at: "relationships/contributed",
        is: Is::Less,
        because: "a link table with fields of its own is a model (`contribution`)",
    },
    Meant {
        of: "describe",
        at: "relationships/*/related_model",
        is: Is::Other,
        because: "of two models of one name, mcpass has both: the later one with its app's label",
    },
    Meant {
        of: "describe",
        at: "admin_config/inlines",
        is: Is::Other,
        because: "all that refers to a row is offered, where Django has what its admin declares",
    },
    Meant {
        of: "describe",
        at: "admin_config/list_display",
        is: Is::Other,
        because: "there is no admin: all fields are shown in lists, as in Django Admin MCP",
    },
    Meant {
        of: "describe",
        at: "admin_config/list_filter",
        is: Is::Other,
        because: "all fields may be filtered by",
    },
    Meant {
        of: "describe",
        at: "admin_config/filters/**",
        is: Is::More,
        because: "all fields may be filtered by",
    },
    Meant {
        of: "describe",
        at: "admin_config/filters/author__name",
        is: Is::Less,
        because: "all of what may be viewed may be filtered by; it is not listed",
    },
    Meant {
        of: "describe",
        at: "admin_config/readonly_fields",
        is: Is::Other,
        because: "what an admin declares to be for reading is told by `writable`",
    },
    Meant {
        of: "describe",
        at: "admin_config/*",
        is: Is::More,
        because: "lookups and the size of pages are said",
    },
    Meant {
        of: "describe",
        at: "admin_config/ordering",
        is: Is::Other,
        because: "it is the order of lists, where Django says that of the admin alone",
    },
    Meant { of: "describe", at: "is_view", is: Is::More, because: "a view is said to be one" },
];

/// How answers of calls that change something differ.
pub(super) const CHANGES_MEANT: &[Meant] = &[
    Meant {
        of: "create update get",
        at: "**/contributors",
        is: Is::Less,
        because: "a link table with fields of its own is a model (`contribution`), since links of it cannot be written without them",
    },
    Meant {
        of: "create update get",
        at: "**/created_at",
        is: Is::Other,
        because: "it is the time of each of the two calls",
    },
    Meant {
        of: "create",
        at: "object/price",
        is: Is::Other,
        because: "rows are read again after they were written, so that they are shown as they will be",
    },
    Meant {
        of: "update get",
        at: "**/body",
        is: Is::Other,
        because: "a field that the call does not name is not touched; Django takes the spaces at its ends away",
    },
    Meant {
        of: "create update",
        at: "validation_errors/errors/*/messages/*",
        is: Is::Other,
        because: "messages say what was given and what is allowed",
    },
    Meant {
        of: "create",
        at: "validation_errors/**",
        is: Is::Other,
        because: "defaults that are computed (`uuid4`) are in Django's code, so the field has to be given",
    },
    Meant {
        of: "actions",
        at: "actions/publish",
        is: Is::Less,
        because: "an action is listed for who may call it, and `action_` needs `change`",
    },
    Meant {
        of: "actions",
        at: "count",
        is: Is::Other,
        because: "an action is listed for who may call it, and `action_` needs `change`",
    },
    Meant {
        of: "action",
        at: "messages",
        is: Is::Less,
        because: "actions of the settings have no messages of their own",
    },
    Meant { of: "action", at: "message", is: Is::Other, because: "one row is said to be one" },
    Meant {
        of: "history",
        at: "history/*/action_time",
        is: Is::Other,
        because: "it is the time of each of the two calls",
    },
    Meant {
        of: "history",
        at: "history/*/user",
        is: Is::Other,
        because: "users are mcpass's and have names",
    },
    Meant {
        of: "history",
        at: "history/*/user_id",
        is: Is::Other,
        because: "users are mcpass's and have names",
    },
    Meant {
        of: "history",
        at: "history/*/*",
        is: Is::More,
        because: "it says which token made the change by which request, and what was there before and afterwards",
    },
    Meant {
        of: "history",
        at: "count",
        is: Is::Other,
        because: "a change of an inline is in the history of its own row",
    },
    Meant {
        of: "history",
        at: "history",
        is: Is::Other,
        because: "a change of an inline is in the history of its own row",
    },
];
