"""How much a request may hold, and how much an answer."""

MAX_RUNS_AT_ONCE = 100
MAX_BULK_RESULTS = 25_000
MAX_INTERVAL_RESULTS = 2_500
MAX_DATASET_EXPERIMENTS = 20
MAX_EXPERIMENTS_AT_ONCE = 10_000
MAX_ORDER_BY = 100
MAX_TABLE = 10_000
MAX_FOLLOWED = 2_000
MAX_PARTS = 10_000
MAX_INPUTS = 1_000  # data sets, or links to logged models
MAX_PAIRS = 10_000  # params, tags, digests, keys, where MLflow has no limit of its own
MAX_POINTS = 100_000
MAX_TEXT = 1_000_000  # characters of the value of a param or tag, which every search answers
# Whose rows are made in one transaction, which others wait for: half a second.
MAX_KEYS_AT_ONCE = 10_000
