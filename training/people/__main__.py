"""python -m training.people"""

from training.people.train import main

if __name__ == "__main__":
    main()
