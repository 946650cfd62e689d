VERBS = {}
def main(arguments): return 2
