"""Copying and packing: from one store to another, and the files of a run to another location.

selection    which runs are copied, and counting them in both stores
copy         experiments, runs, points, models and files to another store
registry     registered models, of the copied runs or all
pack         the files of a run into the store's database, and out of it
"""
