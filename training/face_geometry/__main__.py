"""python -m training.face_geometry"""

from training.face_geometry.train import main

if __name__ == "__main__":
    main()
