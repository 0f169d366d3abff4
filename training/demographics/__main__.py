"""python -m training.demographics"""

from training.demographics.train import main

if __name__ == "__main__":
    main()
