"""K-means as SageMaker's built-in algorithm: web-scale mini-batch k-means whose extra centres Lloyd's algorithm reduces to k.

Source: the contract's algorithms/kmeans.md; D. Sculley, "Web-Scale K-Means Clustering", WWW 2010; D. Arthur and
S. Vassilvitskii, "k-means++: The Advantages of Careful Seeding", SODA 2007.
"""
