"""What the parts of a store guarantee, beside `runlog.store`, which has the whole.

accounts         users, roles, grants and tokens as values
exact_copy       experiments, runs and points as they are, for copies between stores
file_digests     what is known of a run's files
logged_models    models that runs have logged
registered_models  the model registry: names, versions, aliases and stages
summaries        a metric's summary from its points
views            summaries that the pages read
"""
