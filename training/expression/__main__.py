"""python -m training.expression"""

from training.expression.train import main

if __name__ == "__main__":
    main()
