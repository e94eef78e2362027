"""Fields that several endpoints have."""

from __future__ import annotations

from runlog.protocol import codecs
from runlog.protocol.codecs import ID, INT64, TEXT, Field, many, needed
from runlog.protocol.limits import (
    MAX_EXPERIMENTS_AT_ONCE,
    MAX_ORDER_BY,
    MAX_PAIRS,
    MAX_RUNS_AT_ONCE,
    MAX_TEXT,
)

LONG_TEXT = codecs.text(MAX_TEXT)
EXPERIMENT_ID = needed("experiment_id", ID)
RUN_ID = needed("run_id", TEXT, also="run_uuid")
EXPERIMENT_IDS = Field("experiment_ids", many(ID, MAX_EXPERIMENTS_AT_ONCE), default=())
FILTER = Field("filter", TEXT, "filter_string")
ORDER_BY = Field("order_by", many(TEXT, MAX_ORDER_BY))
PAGE_TOKEN = Field("page_token", TEXT)
MODEL_ID = needed("model_id", TEXT)
TEXTS = codecs.mapping(MAX_PAIRS, MAX_TEXT)
RUN_IDS = needed("run_ids", many(TEXT, MAX_RUNS_AT_ONCE))
AGGREGATES = Field("aggregates", many(TEXT, MAX_ORDER_BY), default=("last",))
KEY = needed("key", TEXT)
VALUE = Field("value", LONG_TEXT, default="")
PATH = Field("path", TEXT)
FILE_PATH = needed("path", TEXT)
# Ours: tags of a run are not set, and its end is not changed, by a request that comes behind one of
# the same sender with a greater number. The network delivered it late.
SENT = (Field("sender", TEXT, default=""), Field("sequence", INT64, default=0))
